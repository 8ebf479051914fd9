import type { Command } from "../cli.ts";
import { requireArguments } from "../arguments.ts";
import { type FlagSpec, parseFlags } from "../flags.ts";
import { filtersText } from "../container/ps.ts";
import { ellipsis, writeListing } from "../format/listing.ts";
import { wantsHelp } from "../help.ts";
import { authHeader } from "../registry-auth/credentials.ts";

const spec = {
  filter: { kind: "list", short: "f", help: "Filter output based on conditions provided" },
  format: { kind: "value", help: "Pretty-print search using a Go template" },
  limit: { kind: "value", help: "Max number of search results" },
  "no-trunc": { kind: "flag", help: "Don't truncate output" },
} as const satisfies Record<string, FlagSpec>;

/** **Source:** Engine API, ImageSearch. */
interface SearchResult {
  name?: string;
  description?: string;
  star_count?: number;
  is_official?: boolean;
  is_automated?: boolean;
}

const headings = {
  Name: "NAME",
  Description: "DESCRIPTION",
  StarCount: "STARS",
  IsOfficial: "OFFICIAL",
  IsAutomated: "AUTOMATED",
};
const descriptionWidth = 45;
const mark = (is: boolean | undefined): string => (is === true ? "[OK]" : "");

/** The registry that a search asks: that of the term, when it names one. */
const registryOf = (term: string): string => {
  const [first = "", ...rest] = term.split("/");
  return rest.length > 0 && (/[.:]/.test(first) || first === "localhost") ? first : "";
};

export const search: Command = async (cli, argv) => {
  if (wantsHelp(cli, argv, "search [OPTIONS] TERM", "Search Docker Hub for images", spec)) return 0;
  const { flags, args } = parseFlags(spec, argv);
  const [term = ""] = args;
  requireArguments("search", args, 1, 1);
  const list = await cli.engine.json<SearchResult[] | null>("GET", "/images/search", {
    query: { term, limit: flags.limit, filters: filtersText(flags.filter) },
    headers: await authHeader(cli.env, registryOf(term)),
  });
  const rows = (list ?? []).map((one) => {
    const description = (one.description ?? "").replaceAll(/[\r\n]/g, " ");
    return {
      Name: one.name ?? "",
      Description: flags["no-trunc"] ? description : ellipsis(description, descriptionWidth),
      StarCount: String(one.star_count ?? 0),
      IsOfficial: mark(one.is_official),
      IsAutomated: mark(one.is_automated),
    };
  });
  writeListing(cli, { headings, columns: ["Name", "Description", "StarCount", "IsOfficial"], rows }, flags.format);
  return 0;
};
