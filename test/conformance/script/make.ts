import { get, post, setup, type Step } from "../step.ts";

/** A container from busybox that sleeps, and leaves at once on SIGTERM. */
export const sleeper = { Image: "busybox", Cmd: ["sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait"] };

/** Set-up steps that create a container and keep its id under `name`. */
export const created = (name: string, config: Record<string, unknown>): Step[] => [
  setup(post("/containers/create", config, { name }, { capture: { [name]: "Id" } })),
];

export const started = (name: string, config: Record<string, unknown> = sleeper): Step[] => [
  ...created(name, config),
  setup(post(`/containers/${name}/start`, undefined, {}, { name: `start ${name}` })),
];

/** Waits until a container has ended. */
export const ended = (name: string): Step =>
  setup(
    get(
      `/containers/${name}/json`,
      {},
      {
        name: `until ${name} has ended`,
        until: (answer) =>
          (JSON.parse(answer.body.toString()) as { State: { Status: string } }).State.Status === "exited",
      },
    ),
  );

/** Runs a container to its end. */
export const ran = (name: string, config: Record<string, unknown>): Step[] => [...started(name, config), ended(name)];
