/** What files take: the sum of their lengths, and of the blocks that the filesystem gave them. */
export interface DiskReportUse {
  ApparentBytes: number;
  AllocatedBytes: number;
}

/** `GET /system/disk`, which Docker has not: what everything below the data root takes. The rooms add up to the total. */
export interface DiskReport {
  DataRoot: string;
  Total: DiskReportUse;
  Rooms: (DiskReportUse & { Name: string })[];
  /** `Unique`: what no other image shares. */
  Images: (DiskReportUse & { Id: string; Names: string[]; Unique: DiskReportUse })[];
  Containers: { Id: string; Name: string; Layers: DiskReportUse; Files: DiskReportUse }[];
  Volumes: (DiskReportUse & { Name: string })[];
}
