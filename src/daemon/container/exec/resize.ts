import { conflict, notFound } from "../../../base/errors.ts";
import type { ContainerContext } from "../context.ts";
import { checkSize } from "../resize.ts";

/** @throws EngineError not-found, conflict when it does not run, invalid-parameter */
export const execResize = (context: ContainerContext, id: string, rows: number, columns: number): void => {
  const { state } = context.execs.find(id);
  checkSize(rows, columns);
  if (state.status === "exited") throw notFound(`NotFound: process does not exist ${id}: not found`);
  const task = context.execs.task(id);
  if (!task) throw conflict("cannot resize a stopped exec");
  task.resize(rows, columns);
};
