// The Engine API's JSON as it is on the wire, API 1.51. Types only; absent and null mean the same to a Go client.
// Source: Engine API definitions v1.51.

export interface Volume {
  Name?: string;
  Driver?: string;
  Mountpoint?: string;
  CreatedAt?: string;
  Status?: Record<string, Record<string, unknown> | null> | null;
  Labels?: Record<string, string> | null;
  Scope?: "local" | "global";
  ClusterVolume?: ClusterVolume | null;
  Options?: Record<string, string> | null;
  UsageData?: {
    Size?: number;
    RefCount?: number;
  } | null;
}

export interface ClusterVolume {
  ID?: string;
  Version?: ObjectVersion | null;
  CreatedAt?: string;
  UpdatedAt?: string;
  Spec?: ClusterVolumeSpec | null;
  Info?: {
    CapacityBytes?: number;
    VolumeContext?: Record<string, string> | null;
    VolumeID?: string;
    AccessibleTopology?: Topology[] | null;
  } | null;
  PublishStatus?: Array<{
    NodeID?: string;
    State?: "pending-publish" | "published" | "pending-node-unpublish" | "pending-controller-unpublish";
    PublishContext?: Record<string, string> | null;
  }> | null;
}

export interface ObjectVersion {
  Index?: number;
}

export interface ClusterVolumeSpec {
  Group?: string;
  AccessMode?: {
    Scope?: "single" | "multi";
    Sharing?: "none" | "readonly" | "onewriter" | "all";
    MountVolume?: Record<string, unknown> | null;
    Secrets?: Array<{
      Key?: string;
      Secret?: string;
    }> | null;
    AccessibilityRequirements?: {
      Requisite?: Topology[] | null;
      Preferred?: Topology[] | null;
    } | null;
    CapacityRange?: {
      RequiredBytes?: number;
      LimitBytes?: number;
    } | null;
    Availability?: "active" | "pause" | "drain";
  } | null;
}

export interface Topology {
  Segments?: Record<string, string> | null;
}

export interface VolumeCreateOptions {
  Name?: string;
  Driver?: string;
  DriverOpts?: Record<string, string> | null;
  Labels?: Record<string, string> | null;
  ClusterVolumeSpec?: ClusterVolumeSpec | null;
}

export interface VolumeListResponse {
  Volumes?: Volume[] | null;
  Warnings?: string[] | null;
}
