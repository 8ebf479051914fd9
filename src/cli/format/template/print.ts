const isMap = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

/** A value as Go's `%v` shows it: maps sorted, nothing as `<no value>`. */
export const goText = (value: unknown): string => {
  if (value === null || value === undefined) return "<no value>";
  if (Array.isArray(value)) return `[${value.map(inner).join(" ")}]`;
  if (isMap(value)) {
    const keys = Object.keys(value).sort();
    return `map[${keys.map((key) => `${key}:${inner(value[key])}`).join(" ")}]`;
  }
  return String(value as string | number | boolean);
};

const inner = (value: unknown): string => (value === null || value === undefined ? "<nil>" : goText(value));

/** JSON as Go writes it into a page: with `<`, `>` and `&` escaped. */
export const goJson = (value: unknown): string =>
  JSON.stringify(value ?? null).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

/** Go's Printf with the verbs that templates use. */
export const goPrintf = (format: string, values: readonly unknown[]): string => {
  let next = 0;
  const text = format.replace(/%([-+ 0#]*)(\d*)(?:\.(\d+))?([a-zA-Z%])/g, (_, flags, width, precision, verb) => {
    if (verb === "%") return "%";
    if (next >= values.length) return `%!${verb}(MISSING)`;
    let shown = verbText(verb as string, values[next++], precision as string | undefined);
    if ((flags as string).includes("+") && typeof values[next - 1] === "number" && !shown.startsWith("-"))
      shown = `+${shown}`;
    const size = Number(width || 0);
    if ((flags as string).includes("-")) return shown.padEnd(size);
    return shown.padStart(size, (flags as string).includes("0") && verb !== "s" ? "0" : " ");
  });
  return next < values.length ? `${text}%!(EXTRA ${values.slice(next).map(inner).join(", ")})` : text;
};

const verbText = (verb: string, value: unknown, precision: string | undefined): string => {
  switch (verb) {
    case "q":
      return JSON.stringify(inner(value));
    case "x":
    case "X": {
      const hex =
        typeof value === "number" ? Math.trunc(value).toString(16) : Buffer.from(inner(value)).toString("hex");
      return verb === "x" ? hex : hex.toUpperCase();
    }
    case "f":
      return Number(value).toFixed(Number(precision ?? 6));
    case "s":
      return precision === undefined ? inner(value) : inner(value).slice(0, Number(precision));
    default:
      return inner(value);
  }
};
