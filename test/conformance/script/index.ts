import type { Group } from "../step.ts";
import { archive } from "./archive.ts";
import { badInput } from "./bad-input.ts";
import { containerCreate } from "./container-create.ts";
import { containerLife } from "./container-life.ts";
import { containerList } from "./container-list.ts";
import { events } from "./events.ts";
import { exec_ } from "./exec.ts";
import { images } from "./images.ts";
import { networks } from "./networks.ts";
import { prune } from "./prune.ts";
import { streams } from "./streams.ts";
import { system } from "./system.ts";
import { volumes } from "./volumes.ts";

/** The whole script, each group on an engine that has just been prepared. */
export const groups: Group[] = [
  system,
  containerCreate,
  containerList,
  containerLife,
  exec_,
  streams,
  events,
  archive,
  images,
  networks,
  volumes,
  prune,
  badInput,
];
