/** Called when a request is over. */
export type RequestEnded = (route: string, status: number, seconds: number, sentBytes: number) => void;

/** What the registry counts. `prometheus.ts` shows it; without it nothing is counted. */
export interface Metrics {
  begin(method: string): RequestEnded;
  received(bytes: number): void;
  /** A notification was delivered, or given up. */
  notified(endpoint: string, outcome: "delivered" | "failed" | "dropped"): void;
  /** A request to a pull-through cache was answered from what it had, or not. */
  cache(kind: "blob" | "manifest", hit: boolean): void;
  collected(blobs: number, bytes: number, seconds: number): void;
}

const nothing = (): void => undefined;

export const noMetrics: Metrics = {
  begin: () => nothing,
  received: nothing,
  notified: nothing,
  cache: nothing,
  collected: nothing,
};
