import type { RegistryConfig } from "../config/config.ts";
import { FilesystemStorage } from "./filesystem.ts";
import type { Storage } from "./storage.ts";

/** Opens the storage that is configured; the S3 client is loaded only for that. */
export const openStorage = async ({ root, storage }: RegistryConfig): Promise<Storage> => {
  if (storage.kind === "filesystem") return FilesystemStorage.open(root);
  const { S3Storage } = await import("./s3.ts");
  return S3Storage.open(storage.s3);
};
