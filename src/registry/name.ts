import { fault } from "./fault.ts";

// **Source:** OCI distribution-spec, Pulling manifests (the grammar of names and tags).
const repository = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;
const tag = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const nameCharactersMax = 255;

/** True for a name that may be a path below the store: lower case, no `.`, `..`, or empty part, nothing but ASCII. */
export const isRepositoryName = (text: string): boolean => text.length <= nameCharactersMax && repository.test(text);

/** @throws RegistryFault NAME_INVALID */
export const checkRepositoryName = (text: string): string => {
  if (!isRepositoryName(text)) throw fault("NAME_INVALID", { detail: { name: text.slice(0, nameCharactersMax) } });
  return text;
};

export const isTag = (text: string): boolean => tag.test(text);
