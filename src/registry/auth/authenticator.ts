import type { IncomingMessage } from "node:http";

/** One thing that a request wants to do. **Source:** Docker registry token scope documentation. */
export interface Access {
  type: "repository" | "registry";
  name: string;
  action: "pull" | "push" | "delete" | "*";
}

export interface Actor {
  /** Empty for anybody. */
  name: string;
}

export interface Authenticator {
  /**
   * Who sends a request, who may do all that it wants.
   *
   * @throws RegistryFault UNAUTHORIZED with the challenge, TOOMANYREQUESTS
   */
  authorize(request: IncomingMessage, access: readonly Access[]): Promise<Actor> | Actor;
}

export const anonymous: Actor = { name: "" };

/** Lets everybody do everything. */
export const openToAll: Authenticator = { authorize: () => anonymous };
