import { invalidParameter } from "../../base/errors.ts";
import type { ContainerContext } from "./context.ts";
import { notRunning } from "./kill.ts";
import { eventAttributes } from "./record.ts";

/** The largest size a terminal can be told. */
const maxCells = 65_535;

/** @throws EngineError not-found, conflict when it does not run, invalid-parameter */
export const resize = (context: ContainerContext, reference: string, rows: number, columns: number): void => {
  const record = context.containers.find(reference);
  checkSize(rows, columns);
  const task = context.live.find(record.id)?.task;
  if (record.state.status !== "running" || !task) throw notRunning(record);
  task.resize(rows, columns);
  context.database.emit({
    Type: "container",
    Action: "resize",
    Actor: {
      ID: record.id,
      Attributes: { ...eventAttributes(record), height: String(rows), width: String(columns) },
    },
  });
};

/** @throws EngineError invalid-parameter */
export const checkSize = (rows: number, columns: number): void => {
  for (const [name, value] of Object.entries({ height: rows, width: columns })) {
    if (!Number.isInteger(value) || value < 0 || value > maxCells) {
      throw invalidParameter(`invalid resize ${name} "${value}"`);
    }
  }
};
