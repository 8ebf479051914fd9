import { attribute, nested, text, u16be, u32be } from "./attribute.ts";
import { isCode } from "../error.ts";
import { type Message, NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL } from "./message.ts";
import type { NetlinkSocket } from "./socket.ts";

// **Source:** linux/netfilter/nf_tables.h, linux/netfilter/nfnetlink.h.
const subsystem = 10;
const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;
const NFT_MSG_NEWTABLE = 0;
const NFT_MSG_DELTABLE = 2;
const NFT_MSG_NEWCHAIN = 3;
const NFT_MSG_NEWRULE = 6;
const NFTA_TABLE_NAME = 1;
const NFTA_CHAIN_TABLE = 1;
const NFTA_CHAIN_NAME = 3;
const NFTA_CHAIN_HOOK = 4;
const NFTA_CHAIN_TYPE = 7;
const NFTA_HOOK_HOOKNUM = 1;
const NFTA_HOOK_PRIORITY = 2;
const NFTA_RULE_TABLE = 1;
const NFTA_RULE_CHAIN = 2;
const NFTA_RULE_EXPRESSIONS = 4;
const NFTA_LIST_ELEM = 1;
const NFTA_EXPR_NAME = 1;
const NFTA_EXPR_DATA = 2;
const NFTA_DATA_VALUE = 1;
const NFT_REG_1 = 1;
const NFT_REG_2 = 2;
const NFPROTO_IPV4 = 2;

/** One step of a rule: load, compare, translate. */
export type Expression = Buffer;

const expression = (name: string, ...data: Buffer[]): Expression =>
  nested(NFTA_LIST_ELEM, attribute(NFTA_EXPR_NAME, text(name)), nested(NFTA_EXPR_DATA, ...data));

const value = (type: number, bytes: Uint8Array): Buffer => nested(type, attribute(NFTA_DATA_VALUE, bytes));

const payload = (base: number, offset: number, length: number): Expression =>
  expression(
    "payload",
    attribute(1, u32be(NFT_REG_1)),
    attribute(2, u32be(base)),
    attribute(3, u32be(offset)),
    attribute(4, u32be(length)),
  );

const equals = (bytes: Uint8Array): Expression =>
  expression("cmp", attribute(1, u32be(NFT_REG_1)), attribute(2, u32be(0)), value(3, bytes));

/** The destination address of an IPv4 packet is this one. */
export const toAddress = (address: Uint8Array): Expression[] => [payload(1, 16, 4), equals(address)];

/** The packet's protocol (6 tcp, 17 udp) and its destination port. */
export const toPort = (protocol: number, port: number): Expression[] => {
  const NFT_META_L4PROTO = 16;
  return [
    expression("meta", attribute(1, u32be(NFT_REG_1)), attribute(2, u32be(NFT_META_L4PROTO))),
    equals(Buffer.from([protocol])),
    payload(2, 2, 2),
    equals(u16be(port)),
  ];
};

/** Sends the packet to another IPv4 address and port. */
export const translateTo = (address: Uint8Array, port: number): Expression[] => {
  const immediate = (register: number, bytes: Uint8Array): Expression =>
    expression("immediate", attribute(1, u32be(register)), value(2, bytes));
  const NFT_NAT_DNAT = 1;
  return [
    immediate(NFT_REG_1, address),
    immediate(NFT_REG_2, u16be(port)),
    expression(
      "nat",
      attribute(1, u32be(NFT_NAT_DNAT)),
      attribute(2, u32be(NFPROTO_IPV4)),
      attribute(3, u32be(NFT_REG_1)),
      attribute(5, u32be(NFT_REG_2)),
    ),
  ];
};

/** A chain of an IPv4 table that the kernel calls for packets this host sends. */
export interface OutputNatTable {
  name: string;
  chain: string;
  rules: Expression[][];
}

/**
 * Puts a table in force, in place of one with the same name, in one step.
 *
 * Where one is replaced, the kernel makes whoever closes the socket wait until the old one is gone (~10 ms): close it with
 * `closeLater`.
 *
 * @throws SystemError
 */
export const replaceOutputNatTable = (socket: NetlinkSocket, table: OutputNatTable): void => {
  try {
    transact(socket, [newTable(table, NLM_F_EXCL), ...contents(table)]);
  } catch (error) {
    if (!isCode(error, "EEXIST")) throw error;
    transact(socket, [
      change(NFT_MSG_DELTABLE, 0, table.name, nameOf(table)),
      newTable(table, NLM_F_EXCL),
      ...contents(table),
    ]);
  }
};

const nameOf = (table: OutputNatTable): Buffer => attribute(NFTA_TABLE_NAME, text(table.name));

const newTable = (table: OutputNatTable, flags: number): Message =>
  change(NFT_MSG_NEWTABLE, NLM_F_CREATE | flags, table.name, nameOf(table));

const contents = (table: OutputNatTable): Message[] => {
  const NF_INET_LOCAL_OUT = 3;
  const priorityOfDestinationNat = -100;
  const hook = nested(
    NFTA_CHAIN_HOOK,
    attribute(NFTA_HOOK_HOOKNUM, u32be(NF_INET_LOCAL_OUT)),
    attribute(NFTA_HOOK_PRIORITY, u32be(priorityOfDestinationNat)),
  );
  return [
    change(
      NFT_MSG_NEWCHAIN,
      NLM_F_CREATE,
      table.chain,
      attribute(NFTA_CHAIN_TABLE, text(table.name)),
      attribute(NFTA_CHAIN_NAME, text(table.chain)),
      hook,
      attribute(NFTA_CHAIN_TYPE, text("nat")),
    ),
    ...table.rules.map((rule) =>
      change(
        NFT_MSG_NEWRULE,
        NLM_F_CREATE | NLM_F_APPEND,
        table.chain,
        attribute(NFTA_RULE_TABLE, text(table.name)),
        attribute(NFTA_RULE_CHAIN, text(table.chain)),
        nested(NFTA_RULE_EXPRESSIONS, ...rule),
      ),
    ),
  ];
};

const transact = (socket: NetlinkSocket, changes: Message[]): void =>
  socket.transact([frame(NFNL_MSG_BATCH_BEGIN), ...changes, frame(NFNL_MSG_BATCH_END)], changes.length);

const change = (type: number, flags: number, about: string, ...parts: Buffer[]): Message => ({
  type: (subsystem << 8) | type,
  flags: flags | NLM_F_ACK,
  about,
  payload: Buffer.concat([Buffer.from([NFPROTO_IPV4, 0, 0, 0]), ...parts]),
});

const frame = (type: number): Message => ({ type, flags: 0, payload: Buffer.from([0, 0, 0, subsystem]) });
