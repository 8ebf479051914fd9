/** One challenge of a `WWW-Authenticate` header; scheme and parameter names in lower case. */
export interface Challenge {
  scheme: string;
  parameters: Record<string, string>;
}

const token = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;
const maxHeaderLength = 8192;

/**
 * Reads the challenges of a `WWW-Authenticate` header. What cannot be read is left out; the challenges before it stay.
 *
 * **Source:** RFC 9110, sections 11.2 and 11.6.1.
 */
export const parseChallenges = (header: string): Challenge[] => {
  const text = header.slice(0, maxHeaderLength);
  const challenges: Challenge[] = [];
  let at = 0;
  const skip = (characters: RegExp): void => {
    while (at < text.length && characters.test(text[at] ?? "")) at++;
  };
  const read = (): string => {
    token.lastIndex = at;
    const word = token.exec(text)?.[0] ?? "";
    at += word.length;
    return word;
  };
  const readQuoted = (): string => {
    let value = "";
    for (at++; at < text.length && text[at] !== '"'; at++) {
      if (text[at] === "\\") at++;
      value += text[at] ?? "";
    }
    at++;
    return value;
  };
  while (at < text.length) {
    skip(/[\s,]/);
    const word = read();
    if (word === "") break;
    skip(/\s/);
    const current = challenges.at(-1);
    if (text[at] !== "=" || current === undefined) {
      challenges.push({ scheme: word.toLowerCase(), parameters: {} });
      continue;
    }
    at++;
    skip(/\s/);
    current.parameters[word.toLowerCase()] = text[at] === '"' ? readQuoted() : read();
  }
  return challenges;
};
