/** An archive that breaks the tar format, or a named limit of ours. The noun that was asked turns it into its own words. */
export class TarError extends Error {
  /** True when the archive only ended too early. */
  readonly truncated: boolean;

  constructor(message: string, options?: ErrorOptions & { truncated?: boolean }) {
    super(message, options);
    this.name = "TarError";
    this.truncated = options?.truncated ?? false;
  }
}

export const unexpectedEnd = (): TarError => new TarError("unexpected EOF", { truncated: true });
