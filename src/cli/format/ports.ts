import type { Port } from "../../wire/engine/container.ts";

/** The PORTS column: `0.0.0.0:80->80/tcp, [::]:80->80/tcp, 90/udp`; neighbouring ports as ranges. */
export const portsText = (ports: readonly Port[]): string => {
  const sorted = ports.toSorted(
    (a, b) =>
      (a.PrivatePort ?? 0) - (b.PrivatePort ?? 0) ||
      compare(a.IP ?? "", b.IP ?? "") ||
      (a.PublicPort ?? 0) - (b.PublicPort ?? 0),
  );
  const spans: { ip: string; type: string; first: Port; last: Port }[] = [];
  for (const port of sorted) {
    const follows = spans.find(
      ({ ip, type, last }) =>
        ip === (port.IP ?? "") &&
        type === (port.Type ?? "tcp") &&
        (last.PrivatePort ?? 0) + 1 === port.PrivatePort &&
        (port.PublicPort === undefined
          ? last.PublicPort === undefined
          : last.PublicPort !== undefined && last.PublicPort + 1 === port.PublicPort),
    );
    if (follows) follows.last = port;
    else spans.push({ ip: port.IP ?? "", type: port.Type ?? "tcp", first: port, last: port });
  }
  const range = (first: number | undefined, last: number | undefined): string =>
    first === last ? `${first}` : `${first}-${last}`;
  return spans
    .map(({ ip, type, first, last }) => {
      const inside = `${range(first.PrivatePort, last.PrivatePort)}/${type}`;
      if (first.PublicPort === undefined) return inside;
      const host = ip.includes(":") ? `[${ip}]` : ip;
      return `${host}:${range(first.PublicPort, last.PublicPort)}->${inside}`;
    })
    .join(", ");
};

const compare = (a: string, b: string): number => (a === b ? 0 : a < b ? -1 : 1);
