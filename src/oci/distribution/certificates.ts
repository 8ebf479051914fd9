import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** What a registry's folder of certificates holds, as PEM. */
export interface RegistryCertificates {
  ca: string[];
  cert?: string;
  key?: string;
}

/**
 * Reads `<directory>/<host>/`: `*.crt` are authorities to trust besides the system's, `x.cert` with `x.key` is what we
 * show the registry. A folder that does not exist holds nothing.
 *
 * @throws Error when a certificate lacks its key or a key its certificate, or a file cannot be read.
 *
 * **Source:** Docker's manual, "Verify repository client with certificates".
 */
export const readCertificates = async (directory: string, host: string): Promise<RegistryCertificates> => {
  const folder = join(directory, host);
  let names: string[];
  try {
    names = (await readdir(folder)).sort();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return { ca: [] };
    throw error;
  }
  const read = (name: string): Promise<string> => readFile(join(folder, name), "utf8");
  const found: RegistryCertificates = { ca: [] };
  for (const name of names) {
    if (name.endsWith(".crt")) found.ca.push(await read(name));
    const stem = name.slice(0, name.lastIndexOf("."));
    if (name.endsWith(".cert")) {
      if (!names.includes(`${stem}.key`))
        throw new Error(
          `missing key ${stem}.key for client certificate ${name}. CA certificates must use the extension .crt`,
        );
      found.cert ??= await read(name);
      found.key ??= await read(`${stem}.key`);
    }
    if (name.endsWith(".key") && !names.includes(`${stem}.cert`))
      throw new Error(`missing client certificate ${stem}.cert for key ${name}`);
  }
  return found;
};
