import type { SystemInfo } from "../../wire/engine/system.ts";
import type { Command } from "../cli.ts";

export const info: Command = async (cli) => {
  const host = await cli.engine.json<SystemInfo>("GET", "/info");
  const gibibytes = (host.MemTotal ?? 0) / 2 ** 30;
  const lines = [
    "Server:",
    ` Containers: ${host.Containers}`,
    `  Running: ${host.ContainersRunning}`,
    `  Paused: ${host.ContainersPaused}`,
    `  Stopped: ${host.ContainersStopped}`,
    ` Images: ${host.Images}`,
    ` Server Version: ${host.ServerVersion}`,
    ` Storage Driver: ${host.Driver}`,
    ...(host.DriverStatus ?? []).map(([key, value]) => `  ${key}: ${value}`),
    ` Logging Driver: ${host.LoggingDriver}`,
    ` Cgroup Driver: ${host.CgroupDriver}`,
    ` Cgroup Version: ${host.CgroupVersion}`,
    ` Runtimes: ${Object.keys(host.Runtimes ?? {}).join(" ")}`,
    ` Default Runtime: ${host.DefaultRuntime}`,
    ` Kernel Version: ${host.KernelVersion}`,
    ` Operating System: ${host.OperatingSystem}`,
    ` OSType: ${host.OSType}`,
    ` Architecture: ${host.Architecture}`,
    ` CPUs: ${host.NCPU}`,
    ` Total Memory: ${gibibytes.toPrecision(4)}GiB`,
    ` Name: ${host.Name}`,
    ` ID: ${host.ID}`,
    ` Docker Root Dir: ${host.DockerRootDir}`,
  ];
  cli.stdout.write(`${lines.join("\n")}\n`);
  for (const warning of host.Warnings ?? []) cli.stderr.write(`${warning}\n`);
  return 0;
};
