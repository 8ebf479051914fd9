import { invalidParameter } from "../base/errors.ts";

/** What an image runs on, normalised: `linux/amd64`, `linux/arm/v7`. **Source:** OCI image-spec, image-index.md. */
export interface Platform {
  os: string;
  architecture: string;
  variant?: string;
}

const knownSystems = new Set(
  "aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris windows zos".split(
    " ",
  ),
);
const knownArchitectures = new Set(
  (
    "386 amd64 amd64p32 arm armbe arm64 arm64be ppc64 ppc64le loong64 mips mipsle mips64 mips64le mips64p32 " +
    "mips64p32le ppc riscv riscv64 s390 s390x sparc sparc64 wasm"
  ).split(" "),
);

/** The platform of this machine. */
export const hostPlatform = (arch: string = process.arch): Platform =>
  normalizePlatform({ os: "linux", architecture: arch === "ia32" ? "386" : arch === "x64" ? "amd64" : arch });

/** Brings the many spellings of one platform to one. */
export const normalizePlatform = (platform: Platform): Platform => {
  const os = platform.os.toLowerCase() === "macos" ? "darwin" : platform.os.toLowerCase();
  const [architecture, variant] = normalizeArchitecture(
    platform.architecture.toLowerCase(),
    (platform.variant ?? "").toLowerCase(),
  );
  return variant === "" ? { os, architecture } : { os, architecture, variant };
};

const normalizeArchitecture = (architecture: string, variant: string): [string, string] => {
  switch (architecture) {
    case "i386":
      return ["386", ""];
    case "x86_64":
    case "x86-64":
    case "amd64":
      return ["amd64", variant === "v1" ? "" : variant];
    case "aarch64":
    case "arm64":
      return ["arm64", variant === "8" || variant === "v8" ? "" : variant];
    case "armhf":
      return ["arm", "v7"];
    case "armel":
      return ["arm", "v6"];
    case "arm":
      return ["arm", variant === "" ? "v7" : /^[5-8]$/.test(variant) ? `v${variant}` : variant];
    default:
      return [architecture, variant];
  }
};

/**
 * Reads `os`, `arch`, `os/arch` or `os/arch/variant`; what is left out is the host's.
 *
 * @throws EngineError `invalid-parameter`, containerd's words.
 */
export const parsePlatform = (text: string, host: Platform = hostPlatform()): Platform => {
  const parts = text.split("/");
  for (const part of parts) {
    if (!/^[A-Za-z0-9_.-]+$/.test(part)) {
      throw invalidParameter(
        `"${part}" is an invalid component of "${text}": platform specifier component must match ` +
          '"^[A-Za-z0-9_.-]+$": invalid argument',
      );
    }
  }
  const [first = "", second, third, ...more] = parts;
  if (more.length > 0) throw invalidParameter(`"${text}": cannot parse platform specifier: invalid argument`);
  if (second !== undefined) {
    return normalizePlatform({ os: first, architecture: second, ...(third === undefined ? {} : { variant: third }) });
  }
  const alone = normalizePlatform({ os: first, architecture: first });
  if (knownSystems.has(alone.os)) return { ...host, os: alone.os };
  if (!knownArchitectures.has(alone.architecture)) {
    throw invalidParameter(`"${text}": unknown operating system or architecture: invalid argument`);
  }
  return normalizePlatform({ os: host.os, architecture: first });
};

/** `linux/arm/v7`. */
export const formatPlatform = ({ os, architecture, variant }: Platform): string =>
  variant === undefined || variant === "" ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`;

/**
 * How well an image for `offered` runs on `wanted`: 0 is exact, more is worse, null is not at all. A newer variant
 * runs what was built for an older one, and arm64 runs 32-bit arm.
 */
export const matchPlatform = (wanted: Platform, offered: Platform): number | null => {
  const [want, have] = [normalizePlatform(wanted), normalizePlatform(offered)];
  if (want.os !== have.os) return null;
  const rank = runnable(want).indexOf(`${have.architecture}/${have.variant ?? ""}`);
  return rank === -1 ? null : rank;
};

/** Picks what runs best on `wanted`; undefined when nothing does. The first of equals wins, as in an index. */
export const choosePlatform = <T>(
  wanted: Platform,
  offers: readonly T[],
  platformOf: (offer: T) => Platform | undefined,
): T | undefined => {
  const ranked = offers.flatMap((offer) => {
    const platform = platformOf(offer);
    const rank = platform === undefined ? null : matchPlatform(wanted, platform);
    return rank === null ? [] : [{ offer, rank }];
  });
  return ranked.sort((a, b) => a.rank - b.rank)[0]?.offer;
};

const armVariants = ["v8", "v7", "v6", "v5"];

const runnable = ({ architecture, variant = "" }: Platform): string[] => {
  const itself = `${architecture}/${variant}`;
  if (architecture === "amd64") {
    const level = Number(/^v([2-9])$/.exec(variant)?.[1] ?? 1);
    return [...Array.from({ length: level - 1 }, (_, index) => `amd64/v${level - index}`), "amd64/"];
  }
  if (architecture === "arm") {
    const from = armVariants.indexOf(variant);
    return from === -1 ? [itself] : armVariants.slice(from).map((older) => `arm/${older}`);
  }
  if (architecture === "arm64") {
    return [...new Set([itself, "arm64/"]), ...armVariants.map((older) => `arm/${older}`)];
  }
  return [itself];
};
