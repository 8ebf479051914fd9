import type { CaseGroup } from "../case.ts";
import { exec } from "./exec.ts";
import { files } from "./files.ts";
import { images } from "./images.ts";
import { life } from "./life.ts";
import { objects } from "./objects.ts";
import { ps } from "./ps.ts";
import { run } from "./run.ts";

/** The whole script, each group on an engine that has just been prepared. */
export const groups: CaseGroup[] = [run, life, ps, exec, files, images, objects];
