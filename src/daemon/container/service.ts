import type { Duplex, Readable } from "node:stream";
import type { Filters } from "../../base/filters.ts";
import type {
  ContainerInspectResponse,
  ContainerSummary,
  HostConfig,
  Resources,
} from "../../wire/engine/container.ts";
import type { ExecConfig, ExecInspectResponse } from "../../wire/engine/exec.ts";
import { attach, type AttachOptions, type Attachment } from "./attach/attach.ts";
import type { ContainerContext } from "./context.ts";
import { type CreateBody, create } from "./create/create.ts";
import { execCreate } from "./exec/create.ts";
import { execInspect } from "./exec/inspect.ts";
import { execResize } from "./exec/resize.ts";
import { type ExecStartOptions, execStart } from "./exec/start.ts";
import { inspect } from "./inspect/inspect.ts";
import { kill } from "./kill.ts";
import { type ListOptions, list } from "./list/list.ts";
import type { WaitResult } from "./live.ts";
import { pause, unpause } from "./pause.ts";
import { prune } from "./prune.ts";
import { type RemoveOptions, remove } from "./remove.ts";
import { rename } from "./rename.ts";
import { resize } from "./resize.ts";
import { restart } from "./restart/restart.ts";
import { start } from "./start/start.ts";
import { type StopOptions, stop } from "./stop.ts";
import { update } from "./update.ts";
import { wait } from "./wait.ts";

/** Everything the API can ask of containers; each method is a file of its own. */
export class ContainerService {
  readonly #context: ContainerContext;

  constructor(context: ContainerContext) {
    this.#context = context;
  }
}
