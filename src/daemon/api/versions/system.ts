import type { ImageSummary } from "../../../wire/engine/image.ts";
import type { SystemInfo } from "../../../wire/engine/system.ts";
import type { VersionStep } from "../version-step.ts";

const info = (version: number, change: (info: SystemInfo) => object): VersionStep => ({
  version,
  routes: ["GET /info"],
  response: (body) => change(body as SystemInfo),
});

/** **Source:** Engine API version history, and the answers of dockerd 28.5. */
export const systemSteps: readonly VersionStep[] = [
  info(25, (body) => ({
    ...body,
    // `name=seccomp,profile=builtin` was `seccomp`.
    SecurityOptions: body.SecurityOptions?.map((option) => /^name=([^,]*)/.exec(option)?.[1] ?? option),
  })),
  info(42, (body) => ({ ...body, KernelMemory: body.MemoryLimit })),
  info(44, (body) => ({
    ...body,
    Runtimes: Object.fromEntries(
      Object.entries(body.Runtimes ?? {}).map(([name, runtime]) => {
        const { status: _status, ...bare } = runtime ?? {};
        return [name, bare];
      }),
    ),
  })),
  info(46, ({ Containerd: _containerd, ...body }) => body),
  info(47, (body) => ({
    ...body,
    RegistryConfig: {
      ...body.RegistryConfig,
      AllowNondistributableArtifactsCIDRs: null,
      AllowNondistributableArtifactsHostnames: null,
    },
  })),
  info(49, ({ FirewallBackend: _firewall, ...body }) => ({
    ...body,
    RuncCommit: { ...body.RuncCommit, Expected: body.RuncCommit?.ID ?? "" },
  })),
  info(50, ({ DiscoveredDevices: _devices, ...body }) => ({
    ...body,
    BridgeNfIptables: false,
    BridgeNfIp6tables: false,
  })),
  {
    version: 42,
    routes: ["GET /system/df"],
    query: ({ values }) => values.delete("type"),
  },
  {
    version: 44,
    routes: ["GET /system/df"],
    response: (body) => {
      const usage = body as { Images: ImageSummary[] | null };
      return { ...usage, Images: usage.Images?.map((image) => ({ ...image, VirtualSize: image.Size })) ?? null };
    },
  },
];
