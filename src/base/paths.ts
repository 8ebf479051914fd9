/** True when `path` is `folder` or below it; both absolute and normal. Names only: symlinks are the caller's matter. */
export const isWithin = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(folder === "/" ? "/" : `${folder}/`);
