// What clients send in X-Registry-Auth, and what token servers answer. Types only.
// Source: Engine API, section Authentication; Docker registry token authentication.

export interface RegistryAuthConfig {
  username?: string;
  password?: string;
  /** Base64 of `username:password`, instead of the two. */
  auth?: string;
  email?: string;
  serveraddress?: string;
  /** An OAuth2 refresh token. */
  identitytoken?: string;
  /** A bearer token to be sent as it is. */
  registrytoken?: string;
}

export interface TokenAnswer {
  token?: string;
  access_token?: string;
  refresh_token?: string;
  /** Seconds; 60 when absent. */
  expires_in?: number;
  /** RFC 3339. */
  issued_at?: string;
}
