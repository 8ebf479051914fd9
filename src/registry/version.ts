/** The version that the registry's command shows: Berth's own. */
export const registryVersion = "0.1.0";
