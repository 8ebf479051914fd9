import { jsonLines } from "../../client/lines.ts";
import { type Command, ExitError } from "../cli.ts";
import { requireArguments } from "../arguments.ts";
import { type FlagSpec, parseFlags } from "../flags.ts";
import { wantsHelp } from "../help.ts";
import { type Progress, showProgress } from "../progress/show.ts";
import { parseReference } from "../../oci/reference.ts";
import { opened } from "./load.ts";

const spec = {
  change: { kind: "list", short: "c", help: "Apply Dockerfile instruction to the created image" },
  message: { kind: "value", short: "m", help: "Set commit message for imported image" },
  platform: { kind: "value", help: "Set platform if server is multi-platform capable" },
} as const satisfies Record<string, FlagSpec>;

const usage = "import [OPTIONS] file|URL|- [REPOSITORY[:TAG]]";
const summary = "Import the contents from a tarball to create a filesystem image";

export const importImage: Command = async (cli, argv) => {
  if (wantsHelp(cli, argv, usage, summary, spec)) return 0;
  const { flags, args } = parseFlags(spec, argv);
  const [source = "", name] = args;
  requireArguments("import", args, 1, Number.POSITIVE_INFINITY);
  const isUrl = /^https?:\/\//.test(source);
  const stream = isUrl ? undefined : source === "-" ? cli.stdin : await opened(source);
  if (name !== undefined) parseReference(name);
  const at = name === undefined ? -1 : (/:[^/]+$/.exec(name)?.index ?? -1);
  const answer = await cli.engine.stream("POST", "/images/create", {
    query: {
      fromSrc: isUrl ? source : "-",
      repo: at < 0 ? name : name?.slice(0, at),
      tag: at < 0 ? undefined : name?.slice(at + 1),
      message: flags.message,
      changes: flags.change,
      platform: flags.platform?.toLowerCase(),
    },
    ...(stream === undefined ? {} : { stream }),
  });
  const failure = await showProgress(jsonLines<Progress>(answer), cli.stdout);
  if (failure !== undefined) throw new ExitError(1, failure);
  return 0;
};
