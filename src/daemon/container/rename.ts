import { invalidParameter, prefixed, systemError } from "../../base/errors.ts";
import type { ContainerContext } from "./context.ts";
import { eventAttributes } from "./record.ts";

/** **Source:** Engine API, ContainerCreate `name`. */
export const namePattern = /^\/?[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** @throws EngineError invalid-parameter in Docker's words */
export const requireValidName = (name: string): void => {
  if (namePattern.test(name)) return;
  throw invalidParameter(`Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);
};

/** @throws EngineError not-found, invalid-parameter, conflict when the name is taken */
export const rename = (context: ContainerContext, reference: string, newName: string): Promise<void> => {
  const { id } = context.containers.find(reference);
  return context.queue.run(id, () => {
    const record = context.containers.find(id);
    if (newName === "") throw invalidParameter("Neither old nor new names may be empty");
    const name = newName.replace(/^\//, "");
    if (name === record.name) {
      throw invalidParameter("Renaming a container with the same name as its current name");
    }
    try {
      requireValidName(`/${name}`);
      context.containers.requireFreeName(name);
    } catch (error) {
      throw prefixed("Error when allocating new name", error);
    }
    context.containers.update(
      id,
      () => ({ name }),
      (transaction, renamed) =>
        transaction.emit({
          Type: "container",
          Action: "rename",
          Actor: { ID: id, Attributes: { ...eventAttributes(renamed), oldName: `/${record.name}` } },
        }),
    );
    try {
      context.networks.rename(id, name);
    } catch (error) {
      context.containers.update(id, () => ({ name: record.name }));
      throw systemError(`renaming container ${record.name} to ${name} failed in its networks`, error);
    }
  });
};
