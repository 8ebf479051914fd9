import { createHash } from "node:crypto";

/** A block of addresses that subnets of `prefixLength` are cut from. */
export interface AddressPool {
  /** "172.17.0.0/16" */
  base: string;
  prefixLength: number;
}

/**
 * The names an instance uses on its host, decided once, at its first start, and stored: Docker's when it has the host to
 * itself, its own when another engine is or was there.
 */
export interface NetworkNames {
  claim: "docker" | "berth";
  /** The default bridge. */
  bridge: string;
  /** Chains are called by it: DOCKER, DOCKER-FORWARD, … */
  chainPrefix: "DOCKER" | "BERTH" | `BERTH${number}`;
  /** What subnets are cut from when nobody asks for one, in this order. */
  pools: AddressPool[];
}

/** What other engines leave on a host. */
export interface HostTraces {
  /** A dockerd binary, or a unit of it. */
  engineInstalled: boolean;
  /** A link docker0 without our alias. */
  foreignBridge: boolean;
  /** A chain DOCKER without a rule that carries our mark. */
  foreignChains: boolean;
  /** Numbers of other Berths that go by their own names: 0 is berth0 and BERTH, 1 is berth1 and BERTH1. */
  berths: ReadonlySet<number>;
}

/** The default pools of Docker 28. */
export const dockerPools: readonly AddressPool[] = [
  { base: "172.17.0.0/16", prefixLength: 16 },
  { base: "172.18.0.0/16", prefixLength: 16 },
  { base: "172.19.0.0/16", prefixLength: 16 },
  { base: "172.20.0.0/14", prefixLength: 16 },
  { base: "172.24.0.0/14", prefixLength: 16 },
  { base: "172.28.0.0/14", prefixLength: 16 },
  { base: "192.168.0.0/16", prefixLength: 20 },
];

/** Clear of Docker's and of podman's (10.88.0.0/16). What every Berth falls back to when its own pools are used up. */
const sharedPool: AddressPool = { base: "10.208.0.0/12", prefixLength: 20 };
const berthPools: readonly AddressPool[] = [
  { base: "10.201.0.0/16", prefixLength: 16 },
  { base: "10.202.0.0/15", prefixLength: 16 },
  { base: "10.204.0.0/14", prefixLength: 16 },
  sharedPool,
];
/** How many further Berths have pools of their own, in 10.224.0.0/11; beyond, two start from the same one. */
const furtherPools = 16;

/**
 * The pools of the Berth with a number. They differ so that the networks of two Berths do not meet even when one is chosen
 * while the other's bridges are not there, as after a reboot.
 */
const poolsOf = (number: number): AddressPool[] => {
  if (number === 0) return [...berthPools];
  const second = 224 + 2 * ((number - 1) % furtherPools);
  return [
    { base: `10.${second}.0.0/16`, prefixLength: 16 },
    { base: `10.${second + 1}.0.0/16`, prefixLength: 20 },
    sharedPool,
  ];
};

/** The number in a bridge's name (berth0, berth1, …) or a chain's (BERTH, BERTH1, …); null for any other. */
export const berthNumber = (name: string): number | null => {
  const found = /^(?:berth(0|[1-9]\d{0,3})|BERTH([1-9]\d{0,3})?)$/.exec(name);
  return found === null ? null : Number(found[1] ?? found[2] ?? 0);
};

/**
 * Decides the names. Docker's only if no other engine has left traces, or if the user claims them; else the first of
 * Berth's own that no other Berth has.
 * @param claimDockerNames `--claim-docker-names`
 */
export const decideNames = (traces: HostTraces, claimDockerNames: boolean): NetworkNames => {
  const foreign = traces.engineInstalled || traces.foreignBridge || traces.foreignChains;
  if (claimDockerNames || !foreign) {
    return { claim: "docker", bridge: "docker0", chainPrefix: "DOCKER", pools: [...dockerPools] };
  }
  let number = 0;
  while (traces.berths.has(number)) number += 1;
  const chainPrefix = number === 0 ? "BERTH" : (`BERTH${number}` as const);
  return { claim: "berth", bridge: `berth${number}`, chainPrefix, pools: poolsOf(number) };
};

/** The mark on links (alias) and rules (comment) of an instance: nothing without it is ever touched. */
export const markOf = (instance: string): string => `berth:${instance}`;

/** The /48 of unique local addresses that an instance cuts its IPv6 subnets from. **Source:** RFC 4193. */
export const uniqueLocalPool = (instance: string): AddressPool => {
  const digits = createHash("sha256").update(`berth network ${instance}`).digest("hex").slice(0, 10);
  return { base: `fd${digits.slice(0, 2)}:${digits.slice(2, 6)}:${digits.slice(6, 10)}::/48`, prefixLength: 64 };
};
