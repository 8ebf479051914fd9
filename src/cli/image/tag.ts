import { type Command, ExitError } from "../cli.ts";
import { requireArguments } from "../arguments.ts";
import { parseFlags } from "../flags.ts";
import { wantsHelp } from "../help.ts";
import { parseReference, type Reference } from "../../oci/reference.ts";

const readTarget = (text: string): Reference => {
  try {
    return parseReference(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ExitError(1, `Error parsing reference: ${JSON.stringify(text)} is not a valid repository/tag: ${why}`);
  }
};

const summary = "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE";

export const tag: Command = async (cli, argv) => {
  if (wantsHelp(cli, argv, "tag SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]", summary, {})) return 0;
  const { args } = parseFlags({}, argv);
  const [source = "", target = ""] = args;
  requireArguments("tag", args, 2, 2);
  const { familiarName, tag: name = "latest" } = readTarget(target);
  const path = `/images/${encodeURIComponent(source)}/tag`;
  await cli.engine.json("POST", path, { query: { repo: familiarName, tag: name } });
  return 0;
};
