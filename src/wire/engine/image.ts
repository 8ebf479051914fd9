// The Engine API's JSON as it is on the wire, API 1.51. Types only; absent and null mean the same to a Go client.
// Source: Engine API definitions v1.51.

export interface ImageConfig {
  User?: string;
  ExposedPorts?: Record<string, Record<string, never>> | null;
  Env?: string[] | null;
  Cmd?: string[] | null;
  Healthcheck?: HealthConfig | null;
  ArgsEscaped?: boolean | null;
  Volumes?: Record<string, Record<string, never>> | null;
  WorkingDir?: string;
  Entrypoint?: string[] | null;
  OnBuild?: string[] | null;
  Labels?: Record<string, string> | null;
  StopSignal?: string | null;
  Shell?: string[] | null;
}

export interface HealthConfig {
  Test?: string[] | null;
  Interval?: number;
  Timeout?: number;
  Retries?: number;
  StartPeriod?: number;
  StartInterval?: number;
}

export interface ImageInspect {
  Id?: string;
  Descriptor?: OCIDescriptor | null;
  Manifests?: ImageManifestSummary[] | null;
  RepoTags?: string[] | null;
  RepoDigests?: string[] | null;
  Parent?: string;
  Comment?: string;
  Created?: string | null;
  DockerVersion?: string;
  Author?: string;
  Config?: ImageConfig | null;
  Architecture?: string;
  Variant?: string | null;
  Os?: string;
  OsVersion?: string | null;
  Size?: number;
  GraphDriver?: DriverData | null;
  RootFS?: {
    Type?: string;
    Layers?: string[] | null;
  } | null;
  Metadata?: {
    LastTagTime?: string | null;
  } | null;
}

export interface OCIDescriptor {
  mediaType?: string;
  digest?: string;
  size?: number;
  urls?: string[] | null;
  annotations?: Record<string, string> | null;
  data?: string | null;
  platform?: OCIPlatform | null;
  artifactType?: string | null;
}

export interface OCIPlatform {
  architecture?: string;
  os?: string;
  "os.version"?: string;
  "os.features"?: string[] | null;
  variant?: string;
}

export interface ImageManifestSummary {
  ID?: string;
  Descriptor?: OCIDescriptor | null;
  Available?: boolean;
  Size?: {
    Total?: number;
    Content?: number;
  } | null;
  Kind?: "image" | "attestation" | "unknown";
  ImageData?: {
    Platform?: OCIPlatform | null;
    Containers?: string[] | null;
    Size?: {
      Unpacked?: number;
    } | null;
  } | null;
  AttestationData?: {
    For?: string;
  } | null;
}

/** API 1.55. */
export interface AttestationStatement {
  Descriptor: OCIDescriptor;
  PredicateType: string;
  Statement?: object;
}

export interface DriverData {
  Name?: string;
  Data?: Record<string, string> | null;
}

export interface ImageSummary {
  Id?: string;
  ParentId?: string;
  RepoTags?: string[] | null;
  RepoDigests?: string[] | null;
  Created?: number;
  Size?: number;
  SharedSize?: number;
  Labels?: Record<string, string> | null;
  Containers?: number;
  Manifests?: ImageManifestSummary[] | null;
  Descriptor?: OCIDescriptor | null;
}

export interface ImageDeleteResponseItem {
  Untagged?: string;
  Deleted?: string;
}

export interface ImageHistoryResponseItem {
  Id?: string;
  Created?: number;
  CreatedBy?: string;
  Tags?: string[] | null;
  Size?: number;
  Comment?: string;
}

export interface AuthConfig {
  username?: string;
  password?: string;
  email?: string;
  serveraddress?: string;
}
