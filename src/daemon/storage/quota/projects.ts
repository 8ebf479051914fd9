import { closeSync, constants, openSync } from "node:fs";
import { randomInt } from "node:crypto";
import { O_DIRECTORY, O_NOFOLLOW } from "../../../linux/file/flags.ts";
import {
  lacksProjectQuota,
  projectOf,
  projectUsage,
  setProject,
  setProjectLimit,
} from "../../../linux/filesystem/project.ts";

/** How often another number is tried when one is taken. */
const maxAttempts = 100;
const leastNumber = 1 << 20;
const numbers = 1 << 30;

/** Docker's words where the kernel, the filesystem or its mount have none. */
export const noProjectQuota = "Filesystem does not support, or has not enabled quotas";

/**
 * Limits of directories by project quota, on the filesystem of one directory. A project's number is drawn, and taken
 * when nobody has used it: other engines on the filesystem count theirs up from the directory they started in.
 */
export class ProjectQuota {
  readonly #root: string;

  private constructor(root: string) {
    this.#root = root;
  }

  /** @returns null where the kernel, the filesystem or its mount have no project quota */
  static open(root: string): ProjectQuota | null {
    try {
      withDirectory(root, (fd) => projectUsage(fd, leastNumber));
      return new ProjectQuota(root);
    } catch (error) {
      if (lacksProjectQuota(error)) return null;
      throw error;
    }
  }

  /** Limits everything that will be made in an empty directory. @param bytes more than 0 */
  limit(directory: string, bytes: number): void {
    withDirectory(directory, (fd) => {
      const project = this.#free(fd);
      setProjectLimit(fd, project, bytes);
      setProject(fd, project);
    });
  }

  /** Takes the limit of a directory away, and with it what the filesystem keeps about its project. */
  release(directory: string): void {
    withDirectory(directory, (fd) => {
      const project = projectOf(fd);
      // The project of the engine's own directory is whoever made it's.
      if (project !== 0 && project !== withDirectory(this.#root, projectOf)) setProjectLimit(fd, project, 0);
    });
  }

  #free(fd: number): number {
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const project = leastNumber + randomInt(numbers);
      const { limitBytes, usedBytes } = projectUsage(fd, project);
      if (limitBytes === 0 && usedBytes === 0) return project;
    }
    throw new Error("no free project number found for a quota");
  }
}

const withDirectory = <T>(path: string, work: (fd: number) => T): T => {
  const fd = openSync(path, constants.O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    return work(fd);
  } finally {
    closeSync(fd);
  }
};
