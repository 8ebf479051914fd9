import { invalidParameter, messageOf } from "../../../base/errors.ts";
import { parsePlatform } from "../../../oci/platform.ts";
import { parseRegistryAuth } from "../body/auth.ts";
import type { Call } from "../call.ts";
import { tarType } from "../headers.ts";
import type { Route } from "../router.ts";
import type { RegistryAuthConfig } from "../../../wire/registry/auth.ts";
import type { ImageRoutesService, Progress } from "../../services.ts";
import { platformOf } from "./platform.ts";

/** Images that come and go. **Source:** Engine API, tags Image and Distribution. */
export const imageTransferRoutes = (images: ImageRoutesService): Route[] => [
  { method: "POST", path: "/images/create", handle: (call) => create(images, call) },
  {
    method: "POST",
    path: "/images/{name}/push",
    handle: (call) => {
      const tag = call.query.string("tag");
      const reference = tag === "" ? call.param("name") : `${call.param("name")}:${tag}`;
      const platform = platformOf(call.query.string("platform"));
      const options = { auth: lenientAuth(call), platform, signal: call.signal };
      return withProgress(call, (progress) => images.push(reference, options, progress));
    },
  },
  {
    method: "POST",
    path: "/images/load",
    handle: (call) => {
      const platform = platformOf(call.query.string("platform"));
      const options = { quiet: call.query.boolean("quiet"), platform, signal: call.signal };
      return withProgress(call, (progress) => images.load(call.stream, options, progress), true);
    },
  },
  {
    method: "GET",
    path: "/images/get",
    handle: async (call) => {
      const platform = platformOf(call.query.string("platform"));
      await call.pipe(await images.save(call.query.strings("names"), { platform }), tarType);
    },
  },
  {
    method: "GET",
    path: "/images/{name}/get",
    handle: async (call) => {
      const platform = platformOf(call.query.string("platform"));
      await call.pipe(await images.save([call.param("name")], { platform }), tarType);
    },
  },
  {
    method: "GET",
    path: "/images/search",
    handle: async (call) => {
      const options = {
        limit: searchLimit(call),
        filters: call.query.filters(),
        auth: lenientAuth(call),
        signal: call.signal,
      };
      call.json(200, await images.search(call.query.string("term"), options));
    },
  },
  {
    method: "GET",
    path: "/distribution/{name}/json",
    handle: async (call) => {
      call.json(200, await images.distribution(call.param("name"), lenientAuth(call), call.signal));
    },
  },
];

/** @throws invalid-parameter `invalid limit specified: …` */
const searchLimit = ({ query }: Call): number => {
  let limit: number;
  try {
    limit = query.integer("limit") ?? 0;
  } catch (error) {
    throw invalidParameter(`invalid limit specified: ${messageOf(error)}`, error);
  }
  if (limit < 0) throw invalidParameter("invalid limit specified");
  return limit;
};

/** What cannot be read counts as no credentials: the registry decides. */
const lenientAuth = (call: Call): RegistryAuthConfig => {
  try {
    return parseRegistryAuth(call.header("x-registry-auth"));
  } catch {
    return {};
  }
};

/**
 * Runs work that tells its progress. An error before its first word is an answer of its own, one after it is the
 * stream's last line. @param open send the headers at once.
 */
const withProgress = async (
  call: Call,
  work: (progress: Progress) => Promise<unknown>,
  open = false,
): Promise<void> => {
  const lines = call.lines();
  if (open) lines.open();
  try {
    await work((message) => {
      if (!lines.crowded || message.progress === undefined) lines.write(message, "\r\n");
    });
    lines.end();
  } catch (error) {
    if (!lines.opened) throw error;
    lines.fail(error);
  }
};

const create = async (images: ImageRoutesService, call: Call): Promise<void> => {
  const { query } = call;
  const image = query.string("fromImage");
  const source = query.string("fromSrc");
  const asked = query.string("platform");
  // A name like `all` is no platform: it asks for the whole index.
  const allPlatforms = image !== "" && asked.toLowerCase() === "all";
  const platform = asked === "" || allPlatforms ? undefined : parsePlatform(asked);
  const tag = query.string("tag");
  if (image !== "") {
    const { reference, all } = pullReference(image, tag);
    const options = { auth: lenientAuth(call), platform, allPlatforms, all, signal: call.signal };
    return withProgress(call, (progress) => images.pull(reference, options, progress));
  }
  const options = {
    repo: query.string("repo"),
    tag,
    message: query.string("message"),
    changes: query.strings("changes"),
    platform,
    signal: call.signal,
  };
  const archive = source === "-" ? call.stream : source;
  await withProgress(call, (progress) => images.import(archive, options, progress));
};

/** `tag` may be a digest; without one in either place all tags are meant. */
const pullReference = (image: string, tag: string): { reference: string; all: boolean } => {
  if (tag.startsWith("sha256:")) return { reference: `${image}@${tag}`, all: false };
  if (tag !== "" && !/^\w[\w.-]{0,127}$/.test(tag)) throw invalidParameter("invalid tag format");
  if (tag !== "") return { reference: `${image}:${tag}`, all: false };
  const named = image.includes("@") || image.lastIndexOf(":") > image.lastIndexOf("/");
  return { reference: image, all: !named };
};
