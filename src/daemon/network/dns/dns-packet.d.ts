declare module "dns-packet" {
  export interface Question {
    name: string;
    type: string;
    class?: string;
  }
  export interface Record {
    name: string;
    type: string;
    class?: string;
    ttl?: number;
    data?: unknown;
  }
  export interface Packet {
    id?: number;
    type?: "query" | "response";
    flags?: number;
    opcode?: string;
    rcode?: string;
    questions?: Question[];
    answers?: Record[];
    additionals?: (Record & { udpPayloadSize?: number })[];
  }
  export function encode(packet: Packet): Buffer;
  export function decode(bytes: Uint8Array): Packet;
}
