/** `{ [key]: value }`, or nothing for a value that is absent: for spreading into an object without undefined keys. */
export const existing = <K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } =>
  value === undefined ? {} : ({ [key]: value } as { [P in K]?: V });
