import type { ImageInspect, ImageSummary } from "../../../wire/engine/image.ts";
import { zeroTime } from "../../../base/clock.ts";
import type { VersionStep } from "../version-step.ts";

type Summaries = (ImageSummary & { VirtualSize?: number })[];

/** A container's config with nothing in it, as images carried one. */
const emptyContainerConfig = {
  Hostname: "",
  Domainname: "",
  User: "",
  AttachStdin: false,
  AttachStdout: false,
  AttachStderr: false,
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  Env: null,
  Cmd: null,
  Image: "",
  Volumes: null,
  WorkingDir: "",
  Entrypoint: null,
  OnBuild: null,
  Labels: null,
};

/** Fields of a container that an image's config showed. */
const containerFields = {
  Hostname: "",
  Domainname: "",
  AttachStdin: false,
  AttachStdout: false,
  AttachStderr: false,
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  Image: "",
};

/** **Source:** Engine API version history, and the answers of dockerd 28.5. */
export const imageSteps: readonly VersionStep[] = [
  {
    version: 41,
    routes: ["GET /images/json"],
    // A pattern for names had a parameter of its own.
    query: ({ values }) => {
      const pattern = values.get("filter");
      if (!pattern) return;
      const filters = JSON.parse(values.get("filters") || "{}") as Record<string, unknown>;
      values.set("filters", JSON.stringify({ ...filters, reference: [pattern] }));
    },
  },
  {
    version: 42,
    routes: ["GET /images/json"],
    query: ({ values }) => values.delete("shared-size"),
  },
  {
    version: 43,
    routes: ["GET /images/json"],
    response: (body) =>
      (body as Summaries)
        .map((image) =>
          image.RepoTags?.length || image.RepoDigests?.length
            ? image
            : { ...image, RepoTags: ["<none>:<none>"], RepoDigests: ["<none>@<none>"] },
        )
        .map((image) => (image.RepoDigests?.length ? image : { ...image, RepoDigests: null })),
  },
  {
    version: 44,
    routes: ["GET /images/json"],
    response: (body) => (body as Summaries).map((image) => ({ ...image, VirtualSize: image.Size })),
  },
  {
    version: 44,
    routes: ["GET /images/{name}/json"],
    response: (body) => {
      const image = body as ImageInspect;
      return { ...image, VirtualSize: image.Size, Created: image.Created || zeroTime };
    },
  },
  {
    version: 45,
    routes: ["GET /images/{name}/json"],
    response: (body) => ({ ...(body as ImageInspect), ContainerConfig: emptyContainerConfig }),
  },
  {
    version: 46,
    routes: ["POST /images/{name}/push"],
    query: ({ values }) => values.delete("platform"),
  },
  { version: 47, routes: ["GET /images/json"], query: ({ values }) => values.delete("manifests") },
  {
    version: 48,
    routes: ["GET /images/{name}/json"],
    query: ({ values }) => values.delete("manifests"),
    response: (body) => {
      const { Descriptor: _descriptor, Manifests: _manifests, ...image } = body as ImageInspect;
      return image;
    },
  },
  {
    version: 48,
    routes: ["GET /images/json"],
    response: (body) => (body as Summaries).map(({ Descriptor: _descriptor, ...image }) => image),
  },
  {
    version: 48,
    routes: ["GET /images/{name}/history", "GET /images/{name}/get", "GET /images/get", "POST /images/load"],
    query: ({ values }) => values.delete("platform"),
  },
  {
    version: 49,
    routes: ["GET /images/{name}/json"],
    query: ({ values }) => values.delete("platform"),
  },
  {
    version: 50,
    routes: ["GET /images/{name}/json"],
    response: (body) => {
      const image = body as ImageInspect;
      return image.Config ? { ...image, Config: { ...containerFields, ...image.Config } } : image;
    },
  },
  { version: 50, routes: ["DELETE /images/{name}"], query: ({ values }) => values.delete("platforms") },
  {
    version: 51,
    routes: ["GET /images/json"],
    response: (body) => (body as Summaries).map((image) => ({ ...image, Containers: -1 })),
  },
];
