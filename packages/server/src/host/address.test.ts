import { BlockList, isIPv4 } from "node:net";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { holdsAddress, kindOf, parseAddress, parseNetwork } from "./address.ts";

function kindOfText(text: string): string {
  const address = parseAddress(text);
  return address === null ? "no address" : kindOf(address);
}

describe("an address", () => {
  test.each([
    ["127.0.0.1", 0xffff_7f00_0001n],
    ["::ffff:127.0.0.1", 0xffff_7f00_0001n],
    ["::ffff:7f00:1", 0xffff_7f00_0001n],
    ["0:0:0:0:0:FFFF:7F00:0001", 0xffff_7f00_0001n],
    ["::", 0n],
    ["::1", 1n],
    ["1::", 1n << 112n],
    ["1:2:3:4:5:6:7:8", 0x0001_0002_0003_0004_0005_0006_0007_0008n],
    ["1::8", (1n << 112n) + 8n],
    ["fe80::1%eth0", (0xfe80n << 112n) + 1n],
    ["64:ff9b::1.2.3.4", (0x64_ff9bn << 96n) + 0x0102_0304n],
  ])("is one number, as in %s", (text, address) => {
    expect(parseAddress(text)).toBe(address);
  });

  test.each(["", "localhost", "127.1", "0x7f.0.0.1", "1::2::3", "[::1]", "::1/128", "1:2:3"])(
    "is not %j",
    (text) => expect(parseAddress(text)).toBeNull(),
  );
});

describe("the kind", () => {
  test.each([
    [
      "public",
      "1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 128.0.0.0 169.253.255.255",
    ],
    ["public", "172.15.255.255 172.32.0.0 192.167.255.255 192.169.0.0 198.20.0.0 223.255.255.255"],
    ["public", "2001:200:: 2606:4700::1111 2a00::1 64:ff9b::1.1.1.1 ::ffff:1.1.1.1"],
    ["loopback", "127.0.0.0 127.0.0.1 127.255.255.255 ::1 ::ffff:127.0.0.1 64:ff9b::127.0.0.1"],
    ["unspecified", "0.0.0.0 0.1.2.3 :: ::ffff:0.0.0.0"],
    ["private", "10.0.0.0 10.255.255.255 172.16.0.0 172.31.255.255 192.168.0.0 192.168.255.255"],
    ["private", "100.64.0.0 100.127.255.255 fc00:: fdff:ffff::1 fec0::1 64:ff9b::10.0.0.1"],
    ["private", "64:ff9b:1::1.1.1.1 ::ffff:192.168.1.1"],
    ["link-local", "169.254.0.0 169.254.255.255 fe80:: febf:ffff::1 fe80::1%lo ::ffff:169.254.1.1"],
    ["metadata", "169.254.169.254 169.254.170.2 100.100.100.200 192.0.0.192 168.63.129.16"],
    ["metadata", "fd00:ec2::254 fd00:ec2::23 fd20:ce::254 64:ff9b::169.254.169.254"],
    // What carries a metadata service inside is one, however it would be routed.
    ["metadata", "::169.254.169.254 ::ffff:0:169.254.169.254 2002:a9fe:a9fe::1"],
    ["metadata", "2001:0:a9fe:a9fe:: 2001:0:101:101::5601:5601"],
    ["reserved", "192.0.0.1 192.0.2.1 192.88.99.1 198.18.0.0 198.19.255.255 198.51.100.7"],
    ["reserved", "203.0.113.9 224.0.0.1 239.255.255.255 240.0.0.0 255.255.255.255"],
    ["reserved", "::127.0.0.1 ::ffff:0:1.1.1.1 2002:101:101:: 2001::1 2001:1ff::1 2001:db8::1"],
    ["reserved", "3fff::1 5f00::1 100::1 ff02::1 4000::1 1::1"],
  ])("is %s for %s", (kind, texts) => {
    for (const text of texts.split(" ")) expect([text, kindOfText(text)]).toEqual([text, kind]);
  });

  test("is public only outside of what another implementation would block", () => {
    const blocked = new BlockList();
    for (const [address, bits] of DENIED) {
      blocked.addSubnet(address, bits, isIPv4(address) ? "ipv4" : "ipv6");
    }
    const anyByte = fc.integer({ min: 0, max: 255 });
    const nearDenied = fc
      .tuple(
        fc.constantFrom(...DENIED.filter(([text]) => isIPv4(text))),
        fc.integer({ min: -3, max: 3 }),
      )
      .map(([[text, bits], step]) => {
        const start = text.split(".").reduce((value, byte) => value * 256 + Number(byte), 0);
        const edge = step < 0 ? start + step : start + 2 ** (32 - bits) - 2 + step;
        return toV4(Math.min(Math.max(edge, 0), 2 ** 32 - 1));
      });
    const anyV4 = fc.oneof(
      fc.tuple(anyByte, anyByte, anyByte, anyByte).map((b) => b.join(".")),
      nearDenied,
    );
    fc.assert(
      fc.property(anyV4, (text) => {
        expect([text, kindOfText(text) === "public"]).toEqual([text, !blocked.check(text, "ipv4")]);
        expect(kindOfText(`::ffff:${text}`)).toBe(kindOfText(text));
        expect(kindOfText(`64:ff9b::${text}`)).toBe(kindOfText(text));
      }),
      { numRuns: 3_000 },
    );
    const anyWord = fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.constantFrom(0, 1, 0xffff));
    const anyV6 = fc
      .array(anyWord, { minLength: 8, maxLength: 8 })
      .chain((words) =>
        fc
          .constantFrom(0x2000, 0x2001, 0x2002, 0x3fff, 0xfc00, 0xfe80, words[0] ?? 0)
          .map((first) => [first, ...words.slice(1)].map((word) => word.toString(16)).join(":")),
      );
    fc.assert(
      fc.property(anyV6, (text) => {
        if (kindOfText(text) === "public")
          expect([text, blocked.check(text, "ipv6")]).toEqual([text, false]);
      }),
      { numRuns: 3_000 },
    );
  });
});

function toV4(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");
}

/** Networks that no public destination is in, from the registries of special addresses. */
const DENIED: readonly (readonly [address: string, bits: number])[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["168.63.129.16", 32],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
  ["::", 96],
  ["64:ff9b:1::", 48],
  ["100::", 64],
  ["2001::", 32],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
  ["5f00::", 16],
  ["fc00::", 7],
  ["fe80::", 10],
  ["fec0::", 10],
  ["ff00::", 8],
];

describe("a network", () => {
  test.each([
    ["10.0.0.0/8", "10.255.0.1", "11.0.0.0"],
    ["192.0.2.7/32", "192.0.2.7", "192.0.2.8"],
    ["0.0.0.0/0", "1.2.3.4", "2001:200::1"],
    ["::/0", "2001:200::1", "1.2.3.4"],
    ["fd00::/8", "fd12::1", "fe00::1"],
    ["::ffff:10.0.0.0/104", "10.1.2.3", "11.0.0.0"],
  ])("%s holds %s and not %s", (text, inside, outside) => {
    const network = parseNetwork(text);
    if (typeof network === "string") throw new Error(network);
    expect(holdsAddress(network, parseAddress(inside) ?? -1n)).toBe(true);
    expect(holdsAddress(network, parseAddress(outside) ?? -1n)).toBe(false);
  });

  test.each([
    ["10.0.0.0/33", "the prefix of 10.0.0.0 must be 0 to 32, got 33"],
    ["10.0.0.0/", "the prefix of 10.0.0.0 must be 0 to 32, got "],
    ["10.0.0.0/-1", "the prefix of 10.0.0.0 must be 0 to 32, got -1"],
    ["10.0.0.0/8/8", "10.0.0.0/8/8 must have one slash"],
    ["fd00::/129", "the prefix of fd00:: must be 0 to 128, got 129"],
    ["10.0.0.1/8", "10.0.0.1 has bits set beyond its prefix of 8"],
    ["10.0/8", "10.0 is not an IP address"],
    ["fe80::%eth0/64", "fe80::%eth0 is not an IP address"],
    ["app/8", "app is not an IP address"],
  ])("is not %s", (text, fault) => {
    expect(parseNetwork(text)).toBe(fault);
  });
});
