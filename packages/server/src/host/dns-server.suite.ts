import { createSocket } from "node:dgram";
import { Resolver } from "node:dns/promises";
import { isIPv4 } from "node:net";
import type { ResolvedAddress } from "./system-dial.ts";

/** Addresses of a name, in the order of the answer; a name among them is an alias on the way. */
export type Zone = (name: string) => readonly string[];

export interface DnsServer {
  /** Asks the server, for both families. */
  readonly resolve: (hostname: string) => Promise<readonly ResolvedAddress[]>;
  /** Questions for addresses of IPv4 that were answered. */
  readonly questions: () => number;
  readonly close: () => Promise<void>;
}

/** A real name server on loopback that answers as `zone` says, each time anew: `zone` is asked once for both families. */
export async function openDns(zone: Zone): Promise<DnsServer> {
  const socket = createSocket("udp4");
  const drawn = new Map<string, readonly string[]>();
  let questions = 0;
  socket.on("message", (query, peer) => {
    const { name, isV4, end } = readQuestion(query);
    // The two questions of one look-up have to see one answer.
    const addresses = drawn.get(name) ?? zone(name);
    if (drawn.delete(name) === false) drawn.set(name, addresses);
    if (isV4) questions += 1;
    const answer = answerTo(query.subarray(0, end), addresses, isV4);
    socket.send(answer, peer.port, peer.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  const resolver = new Resolver({ timeout: 30_000, tries: 2 });
  resolver.setServers([`127.0.0.1:${socket.address().port}`]);
  return {
    questions: () => questions,
    close: () => new Promise((resolve) => socket.close(() => resolve())),
    resolve: async (hostname) => {
      const found = await Promise.allSettled([
        resolver.resolve4(hostname),
        resolver.resolve6(hostname),
      ]);
      const [first] = found;
      const addresses = found.flatMap((one) => (one.status === "fulfilled" ? one.value : []));
      if (addresses.length === 0 && first?.status === "rejected") throw first.reason;
      return addresses.map((address) => ({ address, family: isIPv4(address) ? 4 : 6 }));
    },
  };
}

const HEADER_BYTES = 12;

function readQuestion(query: Buffer) {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  return {
    name: labels.join(".").toLowerCase(),
    isV4: query.readUInt16BE(at + 1) === 1,
    end: at + 5,
  };
}

function answerTo(question: Buffer, addresses: readonly string[], isV4: boolean): Buffer {
  const aliases = addresses.filter((address) => /[g-z]/.test(address));
  const wanted = addresses.filter(
    (address) => !aliases.includes(address) && isIPv4(address) === isV4,
  );
  const records: Buffer[] = [];
  // A pointer to the name in the question, then to each alias.
  let owner: Buffer = Buffer.from([0xc0, HEADER_BYTES]);
  for (const alias of aliases) {
    const target = nameBytes(alias);
    records.push(record(owner, 5, target));
    owner = target;
  }
  for (const address of wanted) records.push(record(owner, isV4 ? 1 : 28, addressBytes(address)));
  const head = Buffer.from(question.subarray(0, HEADER_BYTES));
  // A response, recursion available; without any address the name does not exist.
  head.writeUInt16BE(addresses.length === 0 ? 0x8183 : 0x8180, 2);
  head.writeUInt16BE(records.length, 6);
  head.writeUInt32BE(0, 8);
  return Buffer.concat([head, question.subarray(HEADER_BYTES), ...records]);
}

function record(owner: Buffer, type: number, data: Buffer): Buffer {
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(type, 0);
  fixed.writeUInt16BE(1, 2);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([owner, fixed, data]);
}

function nameBytes(name: string): Buffer {
  const labels = name
    .split(".")
    .map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`));
  return Buffer.concat([...labels, Buffer.from([0])]);
}

function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split(".").map(Number));
  const [head = "", tail = ""] = address.split("::");
  const left = head.split(":").filter((word) => word !== "");
  const right = tail.split(":").filter((word) => word !== "");
  const words = [...left, ...Array(8 - left.length - right.length).fill("0"), ...right];
  const bytes = Buffer.alloc(16);
  words.forEach((word, index) => {
    bytes.writeUInt16BE(Number.parseInt(word, 16), index * 2);
  });
  return bytes;
}
