// One object of a progress stream, as it is on the wire.
// Source: Engine API, ProgressDetail, BuildInfo, CreateImageInfo and PushImageInfo.

export interface ProgressMessage {
  stream?: string;
  status?: string;
  /** Empty when there is nothing to count. */
  progressDetail?: ProgressDetail;
  /** The same, drawn as text. */
  progress?: string;
  id?: string;
  errorDetail?: { code?: number; message: string };
  error?: string;
  aux?: unknown;
}

export interface ProgressDetail {
  current?: number;
  total?: number;
  start?: number;
  hidecounts?: boolean;
  units?: string;
}
