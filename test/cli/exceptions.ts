/** A command line whose outcome may differ from dockerd 28.5's, and why. */
export interface CliException {
  sh: RegExp;
  /** Which of code, stdout and stderr; all when absent. */
  part?: "code" | "stdout" | "stderr";
  reason: string;
}

export const exceptions: CliException[] = [];
