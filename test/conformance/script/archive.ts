import { writeTar } from "../../support/tar-archive.ts";
import { get, group, head, put, setup } from "../step.ts";
import { created, started } from "./make.ts";

const tar = { headers: { "Content-Type": "application/x-tar" } };
const small = writeTar([
  { name: "sent/", type: "5" },
  { name: "sent/file", content: "sent\n", mode: 0o640, uid: 1000, gid: 2000 },
  { name: "sent/link", type: "2", linkname: "file", mode: 0o777 },
]);
const paths = [
  "/etc/passwd",
  "/etc",
  "/data/",
  "/data/.",
  "/bin/sh",
  "etc/passwd",
  "/none/such",
  "/etc/passwd/",
  "/proc/self",
  "",
  "/",
  "/../../etc/passwd",
  "/vol/kept",
];
const config = {
  Cmd: [
    "sh",
    "-c",
    "echo kept >/vol/kept; mkdir /new; echo x >/new/file; echo changed >>/etc/passwd; rm /data/seed; ln -s /etc/passwd /new/link; sleep 1000",
  ],
  HostConfig: { Binds: ["archivevol:/vol"] },
};

export const archive = group("archive", [
  ...started("box", { Image: "busybox", ...config }),
  get("/containers/box/changes", {}, { until: (answer) => answer.body.includes("/new/link") }),
  ...paths.map((path) => head("/containers/box/archive", { path })),
  ...paths
    .filter((path) => !["/", "/bin/sh", "/proc/self"].includes(path))
    .map((path) => get("/containers/box/archive", { path })),
  get("/containers/box/archive"),
  head("/containers/none-such/archive", { path: "/etc" }),
  get("/containers/none-such/archive", { path: "/etc" }),
  put("/containers/box/archive", { path: "/tmp" }, { body: small, ...tar }),
  get("/containers/box/archive", { path: "/tmp/sent" }),
  put("/containers/box/archive", { path: "/vol" }, { body: small, ...tar }),
  get("/containers/box/archive", { path: "/vol/sent" }),
  put("/containers/box/archive", { path: "/none/such" }, { body: small, ...tar }),
  put("/containers/box/archive", { path: "/etc/passwd" }, { body: small, ...tar }),
  put("/containers/box/archive", {}, { body: small, ...tar }),
  put(
    "/containers/box/archive",
    { path: "/tmp", noOverwriteDirNonDir: 1 },
    { body: writeTar([{ name: "sent", content: "x" }]), ...tar },
  ),
  put("/containers/box/archive", { path: "/tmp", copyUIDGID: 1 }, { body: small, ...tar }),
  put("/containers/box/archive", { path: "/tmp" }, { body: "not a tar archive", ...tar }),
  put("/containers/box/archive", { path: "/tmp" }, { body: "", ...tar }),
  put("/containers/box/archive", { path: "/tmp" }, { body: small.subarray(0, 700), ...tar }),
  put(
    "/containers/box/archive",
    { path: "/tmp" },
    { body: writeTar([{ name: "../../../../escaped", content: "x" }]), ...tar },
  ),
  put(
    "/containers/box/archive",
    { path: "/tmp" },
    {
      body: writeTar([
        { name: "out", type: "2", linkname: "../../../../../tmp" },
        { name: "out/through", content: "x" },
      ]),
      ...tar,
    },
  ),
  put("/containers/none-such/archive", { path: "/tmp" }, { body: small, ...tar }),
  ...created("still", {
    Image: "busybox",
    HostConfig: { ReadonlyRootfs: true, Binds: ["archivevol:/ro:ro", "archivevol:/rw"] },
  }),
  put("/containers/still/archive", { path: "/tmp" }, { body: small, ...tar }),
  put("/containers/still/archive", { path: "/ro" }, { body: small, ...tar }),
  put("/containers/still/archive", { path: "/rw" }, { body: small, ...tar }),
  get("/containers/still/archive", { path: "/rw/kept" }),
  get("/containers/still/changes"),
  setup(get("/containers/box/export")),
  get("/containers/still/export"),
]);
