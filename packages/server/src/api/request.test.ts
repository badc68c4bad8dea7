import { describe, expect, test } from "vitest";
import { callerIp, checkTransport, externalOrigin, readBody } from "./request.ts";
import type { ApiSettings } from "./room.ts";

describe("the address of a caller", () => {
  const settings = (...trustedProxies: string[]): Pick<ApiSettings, "trustedProxies"> => ({
    trustedProxies,
  });

  function from(address: string, forwarded: string | null, trusted: readonly string[]): string {
    const headers = forwarded === null ? {} : { "x-forwarded-for": forwarded };
    const request = new Request("http://reprise.test/v2/batch", { headers });
    return callerIp(request, { address, rawTarget: "/", rawHeaders: [] }, settings(...trusted));
  }

  test("is that of the connection, whatever it says about itself", () => {
    expect(from("192.0.2.1", null, [])).toBe("192.0.2.1");
    expect(from("192.0.2.1", "203.0.113.9", [])).toBe("192.0.2.1");
    expect(from("192.0.2.1", "203.0.113.9", ["192.0.2.2"])).toBe("192.0.2.1");
  });

  test("is what a trusted proxy has added last", () => {
    expect(from("192.0.2.1", "203.0.113.9", ["192.0.2.1"])).toBe("203.0.113.9");
    expect(from("192.0.2.1", "198.51.100.1, 203.0.113.9", ["192.0.2.1"])).toBe("203.0.113.9");
    expect(from("192.0.2.1", "", ["192.0.2.1"])).toBe("192.0.2.1");
    expect(from("192.0.2.1", null, ["192.0.2.1"])).toBe("192.0.2.1");
  });
});

test("the origin of a webhook can always stand in a URL, whatever a proxy has been told", () => {
  const originOf = (headers: Record<string, string>) => {
    const request = new Request("http://reprise.test/hook", { headers });
    const peer = { address: "192.0.2.1", rawTarget: "/hook", rawHeaders: [] };
    const { proto, host } = externalOrigin(request, peer, {
      publicUrl: null,
      trustedProxies: ["192.0.2.1"],
    });
    return `${proto}://${host}`;
  };
  const said = (proto: string, host: string) =>
    originOf({ "x-forwarded-proto": proto, "x-forwarded-host": host });
  expect(said("HTTPS, http", "hooks.test:8443, inner")).toBe("https://hooks.test:8443");
  expect(said("https", "[::1]:80")).toBe("https://[::1]:80");
  for (const proto of ["", "javascript", "ftp", "https:"]) {
    expect(said(proto, "hooks.test")).toBe("http://hooks.test");
  }
  for (const host of ["", "a b", "a/b?", "me:secret@hooks.test", "[", "a:b:c", "a:99999"]) {
    expect(said("https", host)).toBe("https://reprise.test");
  }
});

test("a body whose connection ends is a fault of the request, not of the server", async () => {
  const cut = () =>
    new Request("http://reprise.test/v2/batch", {
      method: "POST",
      body: new ReadableStream({ pull: (controller) => controller.error(new Error("aborted")) }),
      duplex: "half",
    } as RequestInit); // A stream needs `duplex`.
  await expect(readBody(cut(), 100)).rejects.toMatchObject({
    code: "invalid_request",
    message: "the connection ended before the body was complete",
  });
});

test("what every request brings twice is let through", () => {
  const rawHeaders = ["Accept", "a", "accept", "b", "Cookie", "a", "Cookie", "b"];
  expect(() => checkTransport({ address: "", rawTarget: "/v2/batch", rawHeaders })).not.toThrow();
});
