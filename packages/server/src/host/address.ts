import { isIPv4, isIPv6 } from "node:net";

/**
 * IP addresses as numbers of 128 bits. IPv4 takes the place that IPv6 gives it (`::ffff:0:0/96`), so that an address has
 * one number however it is written, and one table of networks judges both families.
 */
export type Address = bigint;

/** A block of addresses; `bits` of `base` are fixed. */
export interface Network {
  readonly base: Address;
  /** 0 to 128; a network of IPv4 has 96 or more. */
  readonly bits: number;
}

/** What an address is for. Everything but `public` can lead to machines that trust whoever reaches them. */
export type AddressKind =
  | "public"
  | "loopback"
  | "unspecified"
  | "private"
  | "link-local"
  | "metadata"
  | "reserved";

const V4_BITS = 32;
const V6_BITS = 128;
const V4_PREFIX = 0xffffn;

/** Reads an address in any notation that the system's resolver and sockets use; null for anything else. */
export function parseAddress(text: string): Address | null {
  if (isIPv4(text)) return toMapped(parseV4(text));
  // The zone after the percent sign names an interface of this machine, not a part of the address.
  return isIPv6(text) ? parseV6(text.split("%")[0] ?? "") : null;
}

function parseV4(text: string): bigint {
  return text.split(".").reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

function parseV6(text: string): bigint {
  const tail = text.slice(text.lastIndexOf(":") + 1);
  if (isIPv4(tail)) {
    const inner = parseV4(tail);
    const words = `${(inner >> 16n).toString(16)}:${(inner & 0xffffn).toString(16)}`;
    return parseV6(text.slice(0, -tail.length) + words);
  }
  const [head = "", rest] = text.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = rest === undefined || rest === "" ? [] : rest.split(":");
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => "0");
  return [...left, ...zeros, ...right].reduce(
    (value, word) => (value << 16n) | BigInt(`0x${word}`),
    0n,
  );
}

function toMapped(v4: bigint): Address {
  return (V4_PREFIX << 32n) | v4;
}

function isV4(address: Address): boolean {
  return address >> 32n === V4_PREFIX;
}

/** Reads `address/bits`; a text that says what is wrong with it otherwise. */
export function parseNetwork(text: string): Network | string {
  const [address = "", length = "", ...more] = text.split("/");
  if (more.length > 0) return `${text} must have one slash`;
  const base = parseAddress(address);
  const bitsMax = isIPv4(address) ? V4_BITS : V6_BITS;
  if (base === null || address.includes("%")) return `${address} is not an IP address`;
  if (!/^\d{1,3}$/.test(length) || Number(length) > bitsMax) {
    return `the prefix of ${address} must be 0 to ${bitsMax}, got ${length}`;
  }
  const bits = Number(length) + V6_BITS - bitsMax;
  // One more bit than the prefix covers is a typing error in the address or in the prefix; either guess could be wrong.
  if (prefixOf(base, bits) << BigInt(V6_BITS - bits) !== base) {
    return `${address} has bits set beyond its prefix of ${length}`;
  }
  return { base, bits };
}

/** The network that holds `address` alone. */
export function networkOf(address: Address): Network {
  return { base: address, bits: V6_BITS };
}

/** A network of IPv6 that happens to surround the place of IPv4, such as `::/0`, holds no address of IPv4. */
export function holdsAddress(network: Network, address: Address): boolean {
  if (isV4(address) && network.bits < 96) return false;
  return prefixOf(network.base, network.bits) === prefixOf(address, network.bits);
}

export function holdsNetwork(outer: Network, inner: Network): boolean {
  return inner.bits >= outer.bits && holdsAddress(outer, inner.base);
}

function prefixOf(address: Address, bits: number): bigint {
  return address >> BigInt(V6_BITS - bits);
}

/** Blocked in every mode; the rest of the table is judged after these. */
export const FORBIDDEN_NETWORKS: readonly (readonly [network: Network, kind: AddressKind])[] =
  table([
    // Where clouds tell their machines secrets: most of them, then Alibaba, Oracle, Azure, and Amazon and Google in IPv6.
    ["169.254.169.254/32", "metadata"],
    ["169.254.170.0/24", "metadata"],
    ["100.100.100.200/32", "metadata"],
    ["192.0.0.192/32", "metadata"],
    ["168.63.129.16/32", "metadata"],
    ["fd00:ec2::/32", "metadata"],
    ["fd20:ce::254/128", "metadata"],
    ["169.254.0.0/16", "link-local"],
    ["fe80::/10", "link-local"],
  ]);

const NETWORK_KINDS = [
  ...FORBIDDEN_NETWORKS,
  ...table([
    ["127.0.0.0/8", "loopback"],
    ["::1/128", "loopback"],
    // The system connects to the machine itself.
    ["0.0.0.0/8", "unspecified"],
    ["::/128", "unspecified"],
    ["10.0.0.0/8", "private"],
    ["172.16.0.0/12", "private"],
    ["192.168.0.0/16", "private"],
    ["100.64.0.0/10", "private"],
    ["fc00::/7", "private"],
    ["fec0::/10", "private"],
    // NAT64 of the operator's own network: where it leads cannot be told from the address.
    ["64:ff9b:1::/48", "private"],
    ["192.0.0.0/24", "reserved"],
    ["192.0.2.0/24", "reserved"],
    ["192.88.99.0/24", "reserved"],
    ["198.18.0.0/15", "reserved"],
    ["198.51.100.0/24", "reserved"],
    ["203.0.113.0/24", "reserved"],
    ["224.0.0.0/4", "reserved"],
    ["240.0.0.0/4", "reserved"],
    ["0.0.0.0/0", "public"],
    ["2001::/23", "reserved"],
    ["2001:db8::/32", "reserved"],
    ["2002::/16", "reserved"],
    ["3fff::/20", "reserved"],
    // The only part of IPv6 that is given out for global use.
    ["2000::/3", "public"],
  ]),
];

function table(
  rows: readonly (readonly [text: string, kind: AddressKind])[],
): readonly (readonly [Network, AddressKind])[] {
  return rows.map(([text, kind]) => {
    const network = parseNetwork(text);
    if (typeof network === "string") throw new Error(network);
    return [network, kind];
  });
}

const NAT64 = 0x0064_ff9b_0000_0000_0000_0000n;

/** Says what an address is for. One that carries another inside is at least as bad as the one inside. */
export function kindOf(address: Address): AddressKind {
  // The translator goes to the address inside, whatever its own network is.
  if (address >> 32n === NAT64) return kindOf(toMapped(address & 0xffff_ffffn));
  const own = NETWORK_KINDS.find(([network]) => holdsAddress(network, address));
  const inner = carriedBy(address).map(kindOf).find(isForbidden);
  return inner ?? own?.[1] ?? "reserved";
}

/** The addresses of IPv4 that the older ways through IPv4 put into an address; all of them are reserved as such. */
function carriedBy(address: Address): readonly Address[] {
  const low = address & 0xffff_ffffn;
  // ::a.b.c.d and ::ffff:0:a.b.c.d
  if (address >> 32n === 0n || address >> 32n === 0xffff_0000n) return [toMapped(low)];
  // 6to4 behind its 16 bits.
  if (address >> 112n === 0x2002n) return [toMapped((address >> 80n) & 0xffff_ffffn)];
  // Teredo: its server, and the client with every bit turned over.
  if (address >> 96n === 0x2001_0000n) {
    return [toMapped((address >> 64n) & 0xffff_ffffn), toMapped(low ^ 0xffff_ffffn)];
  }
  return [];
}

/** Link-local addresses and metadata services are blocked in every mode. */
export function isForbidden(kind: AddressKind): boolean {
  return kind === "metadata" || kind === "link-local";
}
