import { createReadStream } from "node:fs";
import { open, rm, stat } from "node:fs/promises";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { Readable } from "node:stream";
import type { S3Config } from "../config/config.ts";
import type { Entry, ObjectStat, Storage, StoredObject } from "./storage.ts";

/** **Source:** Amazon S3, multipart upload limits. */
const maxParts = 10_000;
const pageKeys = 1_000;
const blobType = "application/octet-stream";

const isMissing = (error: unknown): boolean =>
  error instanceof S3ServiceException &&
  (error.$metadata.httpStatusCode === 404 || error.name === "NoSuchKey" || error.name === "NotFound");

const orNull = async <T>(work: Promise<T>): Promise<T | null> => {
  try {
    return await work;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
};

/**
 * Objects in a bucket of S3 or of a server that speaks its language. Content comes as a verified local file, so what is
 * in the bucket is whole and right; large files go up in parts. Other registries may write to the same bucket, so
 * nothing that was read is taken for true later.
 */
export class S3Storage implements Storage {
  readonly exclusive = false;
  readonly #client: S3Client;
  readonly #config: S3Config;

  private constructor(client: S3Client, config: S3Config) {
    this.#client = client;
    this.#config = config;
  }

  /** Credentials come from the configuration, else from where the AWS SDK looks (environment, profile, instance). */
  static open(config: S3Config): S3Storage {
    const { region, endpoint, accessKey, secretKey, forcePathStyle } = config;
    const client = new S3Client({
      region,
      forcePathStyle,
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(accessKey === undefined || secretKey === undefined
        ? {}
        : { credentials: { accessKeyId: accessKey, secretAccessKey: secretKey } }),
      // Servers other than Amazon's often lack the newer checksums; blobs carry their own.
      requestChecksumCalculation: "WHEN_REQUIRED",
      responseChecksumValidation: "WHEN_REQUIRED",
    });
    return new S3Storage(client, config);
  }

  async read(key: string, maxBytes: number): Promise<Buffer | null> {
    const found = await orNull(this.#client.send(new GetObjectCommand(this.#of(key))));
    if (found?.Body === undefined) return null;
    const body = found.Body as Readable;
    if ((found.ContentLength ?? 0) > maxBytes) {
      body.destroy();
      throw new Error(`${key} is larger than ${maxBytes} bytes`);
    }
    return Buffer.concat(await body.toArray());
  }

  async stat(key: string): Promise<ObjectStat | null> {
    const found = await orNull(this.#client.send(new HeadObjectCommand(this.#of(key))));
    if (found === null) return null;
    return { sizeBytes: found.ContentLength ?? 0, modifiedMs: found.LastModified?.getTime() ?? 0 };
  }

  async open(key: string): Promise<StoredObject | null> {
    const found = await this.stat(key);
    if (found === null) return null;
    return {
      sizeBytes: found.sizeBytes,
      pieces: (start, end) => this.#pieces(key, start, end),
      [Symbol.asyncDispose]: async () => undefined,
    };
  }

  async write(key: string, bytes: Uint8Array): Promise<void> {
    await this.#client.send(new PutObjectCommand({ ...this.#of(key), Body: bytes, ContentType: blobType }));
  }

  async take(key: string, path: string): Promise<void> {
    const { size } = await stat(path);
    if (size <= this.#config.chunkBytes) await this.#putFile(key, path, size);
    else await this.#putParts(key, path, size);
    await rm(path, { force: true });
  }

  async remove(key: string): Promise<boolean> {
    if ((await this.stat(key)) === null) return false;
    await this.#client.send(new DeleteObjectCommand(this.#of(key)));
    return true;
  }

  async removeFolder(folder: string): Promise<void> {
    for (;;) {
      const { bucket } = this.#config;
      const page = await this.#client.send(
        new ListObjectsV2Command({ Bucket: bucket, Prefix: `${this.#key(folder)}/`, MaxKeys: pageKeys }),
      );
      const found = (page.Contents ?? []).map(({ Key }) => ({ Key }));
      if (found.length === 0) return;
      await this.#client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects: found, Quiet: true } }));
    }
  }

  async *list(folder: string, after = ""): AsyncGenerator<Entry, void, void> {
    const prefix = `${this.#key(folder)}/`;
    let token: string | undefined;
    // Names of folders end with `/` in a bucket, so they sort elsewhere than by themselves (`a-b/` before `a/`).
    const found: Entry[] = [];
    do {
      const page = await this.#client.send(
        new ListObjectsV2Command({
          Bucket: this.#config.bucket,
          Prefix: prefix,
          Delimiter: "/",
          MaxKeys: pageKeys,
          ...(token === undefined ? {} : { ContinuationToken: token }),
        }),
      );
      for (const { Prefix = "" } of page.CommonPrefixes ?? []) {
        found.push({ name: Prefix.slice(prefix.length, -1), isFolder: true });
      }
      for (const { Key = "" } of page.Contents ?? []) found.push({ name: Key.slice(prefix.length), isFolder: false });
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
    found.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of found) if (entry.name > after && entry.name !== "") yield entry;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.destroy();
  }

  #key(key: string): string {
    const { rootDirectory } = this.#config;
    return rootDirectory === "" ? key : `${rootDirectory}/${key}`;
  }

  #of(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.#config.bucket, Key: this.#key(key) };
  }

  async *#pieces(key: string, start: number, end: number): AsyncGenerator<Uint8Array, void, void> {
    if (start >= end) return;
    const range = `bytes=${start}-${end - 1}`;
    const { Body } = await this.#client.send(new GetObjectCommand({ ...this.#of(key), Range: range }));
    if (Body === undefined) throw new Error(`${key} is gone`);
    let left = end - start;
    for await (const piece of Body as Readable as AsyncIterable<Buffer>) {
      left -= piece.length;
      yield piece;
    }
    if (left !== 0) throw new Error(`${key} is shorter than it was`);
  }

  async #putFile(key: string, path: string, size: number): Promise<void> {
    const Body = size === 0 ? Buffer.alloc(0) : createReadStream(path);
    await this.#client.send(
      new PutObjectCommand({ ...this.#of(key), Body, ContentLength: size, ContentType: blobType }),
    );
  }

  async #putParts(key: string, path: string, size: number): Promise<void> {
    const target = this.#of(key);
    const { UploadId } = await this.#client.send(
      new CreateMultipartUploadCommand({ ...target, ContentType: blobType }),
    );
    const partBytes = Math.max(this.#config.chunkBytes, Math.ceil(size / maxParts));
    const file = await open(path, "r");
    try {
      const parts = [];
      const buffer = Buffer.allocUnsafeSlow(Math.min(partBytes, size));
      for (let [start, number] = [0, 1]; start < size; start += partBytes, number++) {
        const length = Math.min(partBytes, size - start);
        for (let filled = 0; filled < length;) {
          const { bytesRead } = await file.read(buffer, filled, length - filled, start + filled);
          if (bytesRead === 0) throw new Error(`${path} is shorter than it was`);
          filled += bytesRead;
        }
        const Body = buffer.subarray(0, length);
        const { ETag } = await this.#client.send(
          new UploadPartCommand({ ...target, UploadId, PartNumber: number, Body, ContentLength: length }),
        );
        parts.push({ ETag, PartNumber: number });
      }
      await this.#client.send(
        new CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload: { Parts: parts } }),
      );
    } catch (error) {
      await this.#client.send(new AbortMultipartUploadCommand({ ...target, UploadId })).catch(() => undefined);
      throw error;
    } finally {
      await file.close();
    }
  }
}
