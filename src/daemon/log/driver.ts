import { invalidParameter, systemError } from "../../base/errors.ts";

/** `HostConfig.LogConfig`. */
export interface LogConfig {
  Type: string;
  Config: Record<string, string>;
}

/** What the shim has to know of a log. */
export interface LogSettings {
  /** False for the driver "none": nothing is kept. */
  kept: boolean;
  /** Of one file; null without rotation. */
  maxSizeBytes: number | null;
  maxFiles: number;
  /** Whether files that were rotated away are compressed. */
  compress: boolean;
}

type Driver = "json-file" | "local" | "none";

/** What every container's log is limited to when nothing else was asked for; `max-size=-1` turns it off. */
export const defaultLogConfig: LogConfig = { Type: "json-file", Config: { "max-size": "100m", "max-file": "10" } };
/** dockerd's own for the driver "local". */
const localDefaults = { "max-size": "20m", "max-file": "5", compress: "true" };

const optionsOf: Record<Driver, readonly string[]> = {
  "json-file": ["max-file", "max-size", "compress", "labels", "labels-regex", "env", "env-regex", "tag"],
  local: ["max-file", "max-size", "compress"],
  none: [],
};

/**
 * Checks a log configuration as creating a container does: the driver, the names of the options, delivery mode.
 * @throws EngineError in Docker's words.
 */
export const validateLogConfig = ({ Type, Config }: LogConfig): void => {
  const driver = driverOf(Type);
  const mode = Config["mode"] ?? "";
  if (mode !== "" && mode !== "blocking" && mode !== "non-blocking")
    throw invalidParameter(`logger: logging mode not supported: ${mode}`);
  const buffer = Config["max-buffer-size"];
  if (buffer !== undefined && mode !== "non-blocking")
    throw invalidParameter("logger: max-buffer-size option is only supported with 'mode=non-blocking'");
  if (buffer !== undefined) parseSize(buffer, 1024);
  checkCacheOptions(Config);
  if (driver === "none") return;
  for (const name of Object.keys(Config)) {
    if (optionsOf[driver].includes(name) || name === "mode" || name === "max-buffer-size" || name.startsWith("cache-"))
      continue;
    const where = driver === "json-file" ? "for json-file log driver" : `for log driver ${driver}`;
    throw invalidParameter(`unknown log opt '${name}' ${where}`);
  }
};

const driverOf = (type: string): Driver => {
  if (type === "json-file" || type === "local" || type === "none") return type;
  throw systemError(`error looking up logging plugin ${type}: plugin "${type}" not found`);
};

const checkCacheOptions = (config: Record<string, string>): void => {
  const disabled = config["cache-disabled"];
  if (disabled !== undefined && parseBool(disabled) === null)
    throw invalidParameter(`invalid value for option cache-disabled: ${disabled}`);
};

/**
 * Reads the values, as starting a container does.
 * @throws EngineError in the words of dockerd's drivers; the caller puts "failed to create task for container: failed
 * to initialize logging driver: " before them.
 */
export const logSettings = (config: LogConfig): LogSettings => {
  const driver = driverOf(config.Type);
  if (driver === "none") return { kept: false, maxSizeBytes: null, maxFiles: 1, compress: false };
  const options: Record<string, string> = driver === "local" ? { ...localDefaults, ...config.Config } : config.Config;
  const maxSizeBytes = maxSize(options["max-size"]);
  const maxFiles = maxFile(options["max-file"]);
  const compress = options["compress"] === undefined ? false : parseBool(options["compress"]);
  if (compress === null)
    throw systemError(`strconv.ParseBool: parsing ${JSON.stringify(options["compress"])}: invalid syntax`);
  if (compress && (maxFiles === 1 || maxSizeBytes === null)) {
    if (driver === "local") throw systemError("compression cannot be enabled when max file count is 1");
    throw systemError("compress cannot be true when max-file is less than 2 or max-size is not set");
  }
  return { kept: true, maxSizeBytes, maxFiles, compress };
};

const maxSize = (text: string | undefined): number | null => {
  // dockerd takes -1 only as the absence of the option; here it turns the default off.
  if (text === undefined || text === "-1") return null;
  const bytes = parseSize(text, 1000);
  if (bytes <= 0) throw systemError("max-size must be a positive number");
  return bytes;
};

const maxFile = (text: string | undefined): number => {
  if (text === undefined) return 1;
  if (!/^[+-]?\d+$/.test(text)) throw systemError(`strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
  if (Number(text) < 1) throw systemError("max-file cannot be less than 1");
  return Number(text);
};

/** Go's strconv.ParseBool. */
const parseBool = (text: string): boolean | null => {
  if (/^(1|t|T|TRUE|true|True)$/.test(text)) return true;
  return /^(0|f|F|FALSE|false|False)$/.test(text) ? false : null;
};

/** "10m", "1.5gb", "1 KiB" in powers of `base`. **Source:** go-units, FromHumanSize and RAMInBytes. */
const parseSize = (text: string, base: 1000 | 1024): number => {
  const match = /^(\d+(?:\.\d*)?|\.\d+) ?(.*)$/.exec(text);
  if (match === null) throw systemError(`invalid size: '${text}'`);
  const [, number = "", suffix = ""] = match;
  const power = /^([kmgtp]?)(i?b)?$/i.exec(suffix) ?? null;
  if (power === null) throw systemError(`invalid suffix: '${suffix}'`);
  return Math.floor(Number(number) * base ** " kmgtp".indexOf((power[1] || " ").toLowerCase()));
};
