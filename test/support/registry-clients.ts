// skopeo, umoci and podman as the set-up unpacked them, each with a folder and settings of its own.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runProgram } from "./docker.ts";
import type { Outcome } from "./docker.ts";
import { registryPassword, registryUser } from "./registry.ts";

const programs = join(import.meta.dirname, "../../build/registry-clients");
const limitMs = 60_000;

export class RegistryClients {
  readonly #folder: string;
  readonly #env: NodeJS.ProcessEnv;

  /** @param folder an empty one; the caller removes it */
  constructor(folder: string) {
    this.#folder = folder;
    const settings = {
      "policy.json": JSON.stringify({ default: [{ type: "insecureAcceptAnything" }] }),
      "registries.conf": "",
      "storage.conf": `[storage]\ndriver = "vfs"\nrunroot = "${folder}/run"\ngraphroot = "${folder}/graph"\n`,
      // Root may be without CAP_SYS_RESOURCE.
      "containers.conf": [
        "[containers]",
        'default_ulimits = ["nofile=1024:1024"]',
        "[engine]",
        `conmon_path = ["${programs}/conmon"]`,
        'cgroup_manager = "cgroupfs"',
        'events_logger = "none"',
        "[network]",
        `network_config_dir = "${folder}/networks"`,
        "",
      ].join("\n"),
    };
    for (const [name, text] of Object.entries(settings)) writeFileSync(join(folder, name), text);
    mkdirSync(join(folder, "tmp"));
    this.#env = {
      PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      HOME: folder,
      TMPDIR: join(folder, "tmp"),
      XDG_RUNTIME_DIR: folder,
      CONTAINERS_CONF: join(folder, "containers.conf"),
      CONTAINERS_STORAGE_CONF: join(folder, "storage.conf"),
      CONTAINERS_REGISTRIES_CONF: join(folder, "registries.conf"),
    };
  }

  skopeo(command: string, ...args: string[]): Promise<string> {
    const policy = ["--policy", join(this.#folder, "policy.json")];
    return this.#must("skopeo", [...policy, "--tmpdir", join(this.#folder, "tmp"), command, ...args]);
  }

  umoci(...args: string[]): Promise<string> {
    return this.#must("umoci", args);
  }

  podman(command: string, ...args: string[]): Promise<string> {
    const policy = ["pull", "load"].includes(command) ? ["--signature-policy", join(this.#folder, "policy.json")] : [];
    return this.#must("podman", [command, ...policy, ...args]);
  }

  readonly credentials = `${registryUser}:${registryPassword}`;

  /** @throws Error with the program's words when it fails */
  async #must(program: string, args: string[]): Promise<string> {
    const outcome: Outcome = await runProgram([join(programs, program), ...args], { env: this.#env, limitMs });
    if (outcome.code === 0) return outcome.stdout;
    throw new Error(`${program} ${args.join(" ")}: ${outcome.code}: ${outcome.stderr}${outcome.stdout}`);
  }
}
