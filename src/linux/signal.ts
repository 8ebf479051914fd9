import { constants } from "node:os";

const realTimeMin = 34;
const realTimeMax = 64;

/**
 * The number of a signal given as Docker's users give it: `9`, `KILL`, `SIGKILL`, `sigkill`, `RTMIN+3`, `RTMAX-1`.
 * Undefined when there is none such. **Source:** signal(7).
 */
export const signalNumber = (text: string): number | undefined => {
  if (/^\d+$/.test(text)) {
    const number = Number(text);
    return number >= 1 && number <= realTimeMax ? number : undefined;
  }
  const name = text.toUpperCase().replace(/^SIG/, "");
  const realTime = /^RT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(name);
  if (realTime) {
    const offset = Number(realTime[3] ?? 0) * (realTime[2] === "-" ? -1 : 1);
    const number = (realTime[1] === "MIN" ? realTimeMin : realTimeMax) + offset;
    return number >= realTimeMin && number <= realTimeMax ? number : undefined;
  }
  return (constants.signals as Record<string, number>)[`SIG${name}`];
};
