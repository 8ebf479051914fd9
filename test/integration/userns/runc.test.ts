// The same as remap.test.ts, by runc.
import { useEngine } from "../../support/engine.ts";
import { usePrivateEtc } from "../../support/private-etc.ts";
import { processTests } from "./process.ts";

usePrivateEtc();
processTests(useEngine({ args: ["--userns-remap", "daemon", "--default-runtime", "runc"] }));
