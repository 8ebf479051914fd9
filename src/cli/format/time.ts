import { humanDuration } from "../../base/human.ts";

/** How long ago a time was, as lists show it; `N/A` for none. @param seconds since the epoch */
export const since = (seconds: number | undefined): string =>
  seconds === undefined || seconds <= 0 ? "N/A" : `${humanDuration(Math.max(0, Date.now() - seconds * 1000))} ago`;

const two = (value: number): string => String(value).padStart(2, "0");

const zoneOf = (date: Date): { offset: string; name: string } => {
  const minutes = -date.getTimezoneOffset();
  const size = Math.abs(minutes);
  const offset = `${minutes < 0 ? "-" : "+"}${two(Math.trunc(size / 60))}${two(size % 60)}`;
  const part = new Intl.DateTimeFormat("en-US", { timeZoneName: "short" })
    .formatToParts(date)
    .find(({ type }) => type === "timeZoneName")?.value;
  return { offset, name: part === undefined || part.startsWith("GMT") ? (minutes === 0 ? "UTC" : offset) : part };
};

const dayOf = (date: Date): string => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
const clockOf = (date: Date): string => `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;

/** A time as Go's Time.String shows it: `2024-05-06 07:08:09 +0000 UTC`. @param seconds since the epoch */
export const goTimeText = (seconds: number): string => {
  const date = new Date(seconds * 1000);
  const { offset, name } = zoneOf(date);
  return `${dayOf(date)} ${clockOf(date)} ${offset} ${name}`;
};

/** A time as RFC 3339, in this machine's zone. @param seconds since the epoch */
export const rfc3339 = (seconds: number): string => {
  const date = new Date(seconds * 1000);
  const { offset } = zoneOf(date);
  return `${dayOf(date)}T${clockOf(date)}${offset === "+0000" ? "Z" : `${offset.slice(0, 3)}:${offset.slice(3)}`}`;
};
