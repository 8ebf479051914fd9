/** What a container leaves behind it, shown whatever its status is. */
interface Past {
  /** Nanoseconds since the epoch, decimal; null before the first start. */
  startedNs: string | null;
  finishedNs: string | null;
  exitCode: number;
  oomKilled: boolean;
  /** Why the last start failed, or empty. */
  error: string;
}

/** Where a container is in its life. Everything else that the API shows of it is derived from this. */
export type ContainerState = Past &
  (
    | { status: "created" }
    | { status: "running"; pid: number; paused: boolean }
    | { status: "restarting" }
    | { status: "exited" }
    | { status: "dead" }
  );

export type StateChange =
  | { kind: "started"; pid: number; atNs: string }
  | { kind: "start-failed"; exitCode: number; error: string }
  | { kind: "paused" }
  | { kind: "unpaused" }
  | { kind: "oom" }
  | { kind: "exited"; exitCode: number; oomKilled: boolean; atNs: string; restarting: boolean }
  | { kind: "restart-cancelled" }
  | { kind: "died"; error: string };

export const initialState: ContainerState = {
  status: "created",
  startedNs: null,
  finishedNs: null,
  exitCode: 0,
  oomKilled: false,
  error: "",
};

const past = ({ startedNs, finishedNs, exitCode, oomKilled, error }: ContainerState): Past => ({
  startedNs,
  finishedNs,
  exitCode,
  oomKilled,
  error,
});

/**
 * The state after `change`. Pure. A change that does not fit leaves the state as it is: exits are told once, but a
 * restored daemon may tell them again.
 */
export const transition = (state: ContainerState, change: StateChange): ContainerState => {
  const before = past(state);
  switch (change.kind) {
    case "started":
      return {
        ...before,
        status: "running",
        pid: change.pid,
        paused: false,
        startedNs: change.atNs,
        exitCode: 0,
        oomKilled: false,
        error: "",
      };
    case "start-failed": {
      // A container that never ran stays "created", as Docker shows it.
      const failed = { ...before, exitCode: change.exitCode, error: change.error };
      return { ...failed, status: state.status === "created" ? "created" : "exited" };
    }
    case "paused":
      return state.status === "running" ? { ...state, paused: true } : state;
    case "unpaused":
      return state.status === "running" ? { ...state, paused: false } : state;
    case "oom":
      return state.status === "running" ? { ...state, oomKilled: true } : state;
    case "exited":
      if (state.status !== "running") return state;
      return {
        ...before,
        status: change.restarting ? "restarting" : "exited",
        exitCode: change.exitCode,
        oomKilled: change.oomKilled || before.oomKilled,
        finishedNs: change.atNs,
      };
    case "restart-cancelled":
      return state.status === "restarting" ? { ...before, status: "exited" } : state;
    case "died":
      return { ...before, status: "dead", error: change.error };
  }
};

export const isRunning = (state: ContainerState): boolean => state.status === "running";
export const isPaused = (state: ContainerState): boolean => state.status === "running" && state.paused;
/** Docker counts a container between two restarts as running. */
export const isActive = (state: ContainerState): boolean => state.status === "running" || state.status === "restarting";

/** Docker's word for the state: created, running, paused, restarting, exited, dead. */
export const statusWord = (state: ContainerState): string => (isPaused(state) ? "paused" : state.status);
