import type { SandboxNamespace } from "../sandbox/namespace.ts";
import type { SandboxRecord } from "../record.ts";

/** The embedded DNS of all sandboxes. */
export interface Dns extends AsyncDisposable {
  /** Gets ready for the first sandbox, which is to come soon. */
  prepare(): void;
  /** Answers in a sandbox from now on. @throws SystemError */
  serve(sandbox: SandboxRecord, namespace: SandboxNamespace): Promise<void>;
  /** What others see of a sandbox has changed, or what it may ask. */
  update(sandbox: SandboxRecord): void;
  /** Neither answers a sandbox nor about it any more. */
  stop(containerId: string): void;
}
