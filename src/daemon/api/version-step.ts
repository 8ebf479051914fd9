import type { Query } from "./query.ts";

/**
 * What one version of the API changed. Routes speak the newest API only; a call of an older version passes the steps
 * of every version above its own: requests from old to new before the route, answers from new to old after it.
 */
export interface VersionStep {
  /** The minor number of the version that brought the change: 44 for 1.44. Older calls take the step. */
  version: number;
  /** `"POST /containers/create"`, the routes' own spelling. */
  routes: readonly string[];
  /** Changes the query in place, before the route sees it. */
  query?: (query: Query) => void;
  /** Changes the decoded body of a request in place. @throws EngineError for what the version could not say. */
  body?: (body: any) => void;
  /** Gives the answer an older client expects. It may change what it is given. */
  response?: (body: unknown) => unknown;
}

/** The steps that calls of `version` to a route take, oldest first. */
export const stepsFor = (steps: readonly VersionStep[], route: string, version: number): VersionStep[] =>
  steps.filter((step) => step.version > version && step.routes.includes(route)).sort((a, b) => a.version - b.version);
