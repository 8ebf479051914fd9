/** An archive that breaks the tar format, or a named limit of ours. The noun that was asked turns it into its own words. */
export class TarError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "TarError";
  }
}
