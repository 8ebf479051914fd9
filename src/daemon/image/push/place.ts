/** Docker Hub's host, by which older records name it. */
const hubHost = "registry-1.docker.io/";

/** A repository's place as records have it now: `docker.io/library/busybox`. */
export const placeOf = (text: string): string =>
  text.startsWith(hubHost) ? `docker.io/${text.slice(hubHost.length)}` : text;

export const domainOf = (place: string): string => place.slice(0, place.indexOf("/"));

export const pathOf = (place: string): string => place.slice(place.indexOf("/") + 1);
