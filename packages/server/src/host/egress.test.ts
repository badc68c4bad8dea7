import { describe, expect, test } from "vitest";
import { checkLiteral, createEgress, destinationCheck } from "./egress.ts";
import { type EgressMode, parseAllowEntry } from "./egress-policy.ts";

function open(mode: EgressMode, list = "") {
  const entries = list.split(" ").filter((text) => text !== "");
  const allow = entries.map(parseAllowEntry).map((entry) => {
    if (typeof entry === "string") throw new Error(entry);
    return entry;
  });
  return createEgress({ mode, allow });
}

/** Whether a URL passes at its acceptance. */
function isAllowed(mode: EgressMode, list: string, url: string): boolean {
  return checkLiteral(url, open(mode, list)) === null;
}

describe("a literal", () => {
  test.each([
    ["http://1.1.1.1/", true, true],
    ["http://[2606:4700::1111]/", true, true],
    ["http://127.0.0.1/", false, true],
    ["http://2130706433/", false, true],
    ["http://0/", false, true],
    ["http://[::1]:3000/", false, true],
    ["http://[::]/", false, true],
    ["http://10.0.0.1/", false, true],
    ["http://[fd00::1]/", false, true],
    ["http://100.64.0.1/", false, true],
    ["http://192.0.2.1/", false, true],
    ["http://255.255.255.255/", false, true],
    ["http://169.254.169.254/latest/meta-data/", false, false],
    ["http://[::ffff:169.254.169.254]/", false, false],
    ["http://[64:ff9b::a9fe:a9fe]/", false, false],
    ["http://[2002:a9fe:a9fe::]/", false, false],
    ["http://169.254.1.1/", false, false],
    ["http://[fe80::1]/", false, false],
    ["http://[fd00:ec2::254]/", false, false],
    ["http://100.100.100.200/", false, false],
    ["http://168.63.129.16/", false, false],
  ])("%s passes public-only: %s, and allow-private: %s", (url, isPublic, isPrivate) => {
    expect(isAllowed("public-only", "", url)).toBe(isPublic);
    expect(isAllowed("allow-private", "", url)).toBe(isPrivate);
    expect(isAllowed("allow-list", "app.internal", url)).toBe(false);
  });
});

describe("a name", () => {
  test.each([
    ["http://localhost/", false, true],
    ["http://LOCALHOST.:80/", false, true],
    ["http://a.b.localhost/", false, true],
    ["http://metadata.google.internal/", false, false],
    ["http://METADATA.google.internal./", false, false],
    ["http://metadata/", false, false],
    // What these lead to is judged when they are dialled.
    ["http://localhost.example/", true, true],
    ["http://notlocalhost/", true, true],
    ["http://app.internal/", true, true],
    ["http://intranet/", true, true],
  ])("%s passes public-only: %s, and allow-private: %s", (url, isPublic, isPrivate) => {
    expect(isAllowed("public-only", "", url)).toBe(isPublic);
    expect(isAllowed("allow-private", "", url)).toBe(isPrivate);
  });

  test("that is not listed still stands before its addresses", () => {
    const egress = open("public-only");
    expect(egress.checkHost("app.example", 443)).toBeNull();
    expect(egress.checkAddress("app.example", 443, "10.0.0.1")).toContain("a private address");
    expect(egress.checkAddress("app.example", 443, "1.1.1.1")).toBeNull();
    expect(egress.checkAddress("app.example", 443, "nonsense")).toContain("no address");
  });
});

describe("an entry of the list", () => {
  test.each([
    ["127.0.0.1", "http://127.0.0.1:8080/", "http://127.0.0.2:8080/"],
    ["127.0.0.1:3000", "http://127.0.0.1:3000/", "http://127.0.0.1:3001/"],
    ["127.0.0.1:80", "http://127.0.0.1/", "https://127.0.0.1/"],
    ["127.0.0.1:443", "https://127.1/", "http://127.1/"],
    ["10.0.0.0/8", "http://10.255.0.1/", "http://172.16.0.1/"],
    ["::1", "http://[::1]:9/", "http://127.0.0.1:9/"],
    ["[::1]:9", "http://[::1]:9/", "http://[::1]:8/"],
    ["fd00::/8", "http://[fd12::1]/", "http://[fc00::1]/"],
    ["127.0.0.0/8", "http://localhost/", "http://[::1]/"],
    ["localhost:3000", "http://localhost.:3000/", "http://localhost:3001/"],
    [".localhost", "http://app.localhost/", "http://localhost/"],
    ["169.254.169.254", "http://169.254.169.254/", "http://169.254.169.253/"],
    ["169.254.0.0/16", "http://169.254.169.254/", "http://[fe80::1]/"],
    ["fe80::/10", "http://[fe80::1]/", "http://169.254.1.1/"],
    ["0.0.0.0/0", "http://127.0.0.1/", "http://169.254.169.254/"],
    ["::/0", "http://[::1]/", "http://[fd00:ec2::254]/"],
    ["::/0", "http://[fd00::1]/", "http://10.0.0.1/"],
    ["metadata.google.internal", "http://metadata.google.internal/", "http://metadata.goog/"],
    // A list that covers a metadata service by the way does not mean it.
    [".internal 10.0.0.0/8", "http://10.0.0.1/", "http://metadata.google.internal/"],
  ])("%s lets %s through and not %s, in every mode", (list, allowed, denied) => {
    for (const mode of ["public-only", "allow-list"] as const) {
      expect([mode, isAllowed(mode, list, allowed)]).toEqual([mode, true]);
      expect([mode, isAllowed(mode, list, denied)]).toEqual([mode, false]);
    }
    expect(isAllowed("allow-private", list, allowed)).toBe(true);
  });

  test("that is a name lets it lead to any address but the forbidden ones", () => {
    for (const mode of ["public-only", "allow-list"] as const) {
      const egress = open(mode, "app.internal:3000 .svc.local");
      expect(egress.checkAddress("app.internal", 3000, "10.0.0.1")).toBeNull();
      expect(egress.checkAddress("APP.internal.", 3000, "127.0.0.1")).toBeNull();
      expect(egress.checkAddress("app.internal", 3001, "10.0.0.1")).not.toBeNull();
      expect(egress.checkAddress("x.app.internal", 3000, "10.0.0.1")).not.toBeNull();
      expect(egress.checkAddress("a.b.svc.local", 80, "10.0.0.1")).toBeNull();
      expect(egress.checkAddress("svc.local", 80, "10.0.0.1")).not.toBeNull();
      expect(egress.checkAddress("evilsvc.local", 80, "10.0.0.1")).not.toBeNull();
      expect(egress.checkAddress("a.svc.local", 80, "169.254.169.254")).toContain("metadata");
      expect(egress.checkAddress("a.svc.local", 80, "fe80::1%eth0")).toContain("link-local");
    }
  });

  test("in allow-list is all there is", () => {
    const egress = open("allow-list", "app.example 10.0.0.0/8");
    expect(egress.checkAddress("other.example", 443, "1.1.1.1")).toContain(
      "outside the allow list",
    );
    expect(egress.checkAddress("other.example", 443, "10.1.1.1")).toBeNull();
    expect(egress.checkAddress("app.example", 443, "1.1.1.1")).toBeNull();
  });

  test.each([
    ["app.internal:0", "the port of app.internal:0 must be 1 to 65535"],
    ["app.internal:", "the port of app.internal: must be 1 to 65535"],
    ["app.internal:http", "the port of app.internal:http must be 1 to 65535"],
    ["10.0.0.0/8:80", "the prefix of 10.0.0.0 must be 0 to 32, got 8:80"],
    ["127.1", "127.1 must be written as 127.0.0.1"],
    ["0x7f000001", "0x7f000001 must be written as 127.0.0.1"],
    ["*.svc.local", "*.svc.local must be written as .svc.local"],
    ["[10.0.0.1]", "10.0.0.1 is not an IPv6 address"],
    ["fe80::1%eth0", "fe80::1%eth0 must have no zone"],
    ["http://app", "http://app must have one slash"],
    ["user@app", "user@app is not a host name, an address or a network"],
    ["a..b", "a..b is not a host name, an address or a network"],
    [".", ". is not a host name, an address or a network"],
    ["..", ".. is not a host name, an address or a network"],
    ["", " is not a host name, an address or a network"],
    ["a b", "a b is not a host name, an address or a network"],
    ["app\tx", "app\tx is not a host name, an address or a network"],
    ["app?x", "app?x is not a host name, an address or a network"],
    ["::1::2", "::1::2 is not a host name, an address or a network"],
  ])("is not %j", (text, fault) => {
    expect(parseAllowEntry(text)).toBe(fault);
  });

  test("may be written as a URL would be", () => {
    expect(parseAllowEntry("App.Internal.:80")).toEqual({
      type: "host",
      name: "app.internal",
      port: 80,
    });
    expect(parseAllowEntry("bücher.example")).toMatchObject({ name: "xn--bcher-kva.example" });
    expect(parseAllowEntry("my_app-1")).toMatchObject({ name: "my_app-1" });
  });
});

describe("the check of an accepted destination", () => {
  test.each([
    [
      "http://[::1]/",
      "invalid destination url: endpoint resolves to a loopback address: ::1 (denied by REPRISE_EGRESS=public-only; REPRISE_EGRESS_ALLOW can name it)",
    ],
    [
      "http://0/",
      "invalid destination url: endpoint resolves to an unspecified address: 0.0.0.0 (denied by REPRISE_EGRESS=public-only; REPRISE_EGRESS_ALLOW can name it)",
    ],
    [
      "http://localhost/",
      "invalid destination url: endpoint resolves to a loopback address: 127.0.0.1 (denied by REPRISE_EGRESS=public-only; REPRISE_EGRESS_ALLOW can name it)",
    ],
    [
      "http://169.254.169.254/",
      "invalid destination url: endpoint resolves to a metadata address: 169.254.169.254 (denied unless REPRISE_EGRESS_ALLOW names this address itself)",
    ],
    [
      "http://metadata.google.internal/",
      "invalid destination url: endpoint names a metadata service: metadata.google.internal (denied unless REPRISE_EGRESS_ALLOW names it and its address)",
    ],
  ])("says why %s is denied and which setting decides", (url, message) => {
    const check = destinationCheck(open("public-only"));
    // Twice, because good ones are remembered.
    for (const _ of [1, 2]) {
      expect(() => check(url)).toThrow(
        expect.objectContaining({ code: "invalid_destination", status: 400, message }),
      );
    }
  });

  test("names the field and lets the rest through, again and again", () => {
    const check = destinationCheck(open("public-only", "127.0.0.1:1"));
    for (let round = 0; round < 3_000; round += 1) {
      check("https://app.example/x");
      check(`http://127.0.0.1:1/${round}`);
    }
    expect(() => check("http://127.0.0.1:2/", "Upstash-Callback")).toThrow(
      /^invalid Upstash-Callback url: endpoint resolves to a loopback address: 127\.0\.0\.1/,
    );
  });
});

describe("a connected app", () => {
  test("passes every policy, because nothing is dialled", () => {
    for (const mode of ["public-only", "allow-list", "allow-private"] as const) {
      expect(isAllowed(mode, "", "http://shop.connected.alt/order?a=1")).toBe(true);
    }
  });

  test.each([
    "https://shop.connected.alt/order",
    "http://shop.connected.alt:80/order",
    "http://Shop.connected.alt/order",
    "http://shop.connected.alt./order",
    "http://a.shop.connected.alt/order",
    "http://-shop.connected.alt/order",
    "http://connected.alt/order",
    "http://shop.connected.alt\\@evil.example/order",
    `http://${"a".repeat(64)}.connected.alt/`,
  ])("is not meant by %s, which is denied under every policy", (url) => {
    expect(checkLiteral(url, open("allow-private", ".connected.alt"))).toContain(
      "http://<app>.connected.alt",
    );
  });

  test("is not meant by names that only look like it", () => {
    expect(checkLiteral("http://shop.connected.alt.evil.example/", open("public-only"))).toBeNull();
    expect(isAllowed("public-only", "", "http://127.0.0.1/?.connected.alt")).toBe(false);
  });
});
