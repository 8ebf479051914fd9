/** Berth's own version. */
export const berthVersion = "0.1.0";

/**
 * The version clients see. Tools compare it with releases of Docker to learn what an engine can do, so it begins with
 * the release whose API this one serves; Berth's own follows as build metadata, as distributions' versions do.
 */
export const engineVersion = `28.5.2+berth${berthVersion}`;
