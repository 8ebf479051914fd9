// The same as remap.test.ts, by runc.
import { useEngine } from "../../support/engine.ts";
import { usePrivateEtc } from "../../support/private-etc.ts";
import { usePrivateNull } from "../../support/private-null.ts";
import { processTests } from "./process.ts";

usePrivateEtc();
usePrivateNull();
processTests(useEngine({ args: ["--userns-remap", "daemon", "--default-runtime", "runc"] }));
