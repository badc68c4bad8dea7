import { afterEach, describe, expect, onTestFinished, test } from "vitest";
import type { Outcome } from "../core/outcome.ts";
import { openTrap, type Trap, watchDials } from "./dials.suite.ts";
import { openDns, type Zone } from "./dns-server.suite.ts";
import { createEgress, type Egress } from "./egress.ts";
import { type EgressMode, parseAllowEntry } from "./egress-policy.ts";
import type { OutgoingRequest } from "./host.ts";
import { closeServers, openHttp, openTcp } from "./loopback-servers.suite.ts";
import { deniedSpellings } from "./spellings.suite.ts";
import type { Resolve } from "./system-dial.ts";
import { SystemFetch } from "./system-fetch.ts";

const clients: SystemFetch[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  await closeServers();
});

function policy(mode: EgressMode, ...list: readonly string[]): Egress {
  const allow = list.map(parseAllowEntry).map((entry) => {
    if (typeof entry === "string") throw new Error(entry);
    return entry;
  });
  return createEgress({ mode, allow });
}

/** What would happen without a policy. */
const NO_POLICY: Egress = { checkHost: () => null, checkAddress: () => null };

function openClient(egress: Egress, resolve?: Resolve): SystemFetch {
  const given = resolve === undefined ? {} : { resolve };
  const options = { connectionsPerOrigin: 10, originsMax: 20, idleMs: 60_000 };
  const client = new SystemFetch({ ...options, egress, ...given });
  clients.push(client);
  return client;
}

function post(url: string, timeoutMs = 60_000): OutgoingRequest {
  return { url, method: "POST", headers: {}, body: "", timeoutMs, responseBytesMax: 65_536 };
}

async function trap(address: string, port = 0): Promise<Trap | null> {
  const found = await openTrap(address, port);
  onTestFinished(() => found?.close());
  return found;
}

function dials(): readonly string[] {
  const watched = watchDials();
  onTestFinished(watched.stop);
  return watched.dials;
}

const toLoopback: Resolve = async () => [{ address: "127.0.0.1", family: 4 }];

async function fetchAll(client: SystemFetch, urls: readonly string[]): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  for (let start = 0; start < urls.length; start += 50) {
    const requests = urls.slice(start, start + 50).map((url) => client.fetch(post(url)));
    outcomes.push(...(await Promise.all(requests)));
  }
  return outcomes;
}

describe("5,000 spellings of denied destinations", () => {
  test("make no connection, by the count of listening sockets and of the system's calls", async () => {
    const v4 = await trap("127.0.0.1");
    const v6 = await trap("::1", v4?.port);
    const urls = deniedSpellings(v4?.port ?? 0);
    expect(new Set(urls).size).toBeGreaterThan(5_000);
    const dialled = dials();
    const outcomes = await fetchAll(openClient(policy("public-only"), toLoopback), urls);
    const wrong = urls.filter((_url, index) => {
      const outcome = outcomes[index];
      const isDenied = outcome?.type === "error" && outcome.cause === "egress_denied";
      return !isDenied && !(outcome?.type === "error" && outcome.cause === "invalid_request");
    });
    expect([wrong, dialled, v4?.count(), v6?.count() ?? 0]).toEqual([[], [], 0, 0]);
    const denied = outcomes.filter((one) => one.type === "error" && one.cause === "egress_denied");
    expect(denied.length).toBeGreaterThan(4_500);
  });

  test("would reach the machine itself without a policy", async () => {
    const v4 = await trap("127.0.0.1");
    const urls = deniedSpellings(v4?.port ?? 0).filter((url) => {
      const hostname = URL.parse(url)?.hostname ?? "";
      return /^127\.0\.0\.1$|localhost|metadata|^\[::ffff:7f00:1\]$/.test(hostname);
    });
    const dialled = dials();
    await fetchAll(openClient(NO_POLICY, toLoopback), urls);
    expect(urls.length).toBeGreaterThan(300);
    expect(v4?.count()).toBeGreaterThan(300);
    expect(dialled.length).toBeGreaterThan(300);
  });
});

describe("a name", () => {
  /** A server at 127.0.0.1, which the policy allows, and a trap beside it at 127.0.0.2, which it does not. */
  async function openPair(zone: Zone) {
    let served = 0;
    const url = await openHttp((_request, response) => {
      served += 1;
      // Each delivery asks for its name again.
      response.writeHead(200, { connection: "close" }).end("ok");
    });
    const { port } = new URL(url);
    const trapped = await trap("127.0.0.2", Number(port));
    const dns = await openDns(zone);
    onTestFinished(dns.close);
    const client = openClient(policy("public-only", "127.0.0.1"), dns.resolve);
    return { client, dns, port, served: () => served, trapped: () => trapped?.count() ?? 0 };
  }

  test("that turns to a denied address between two deliveries is not followed there", async () => {
    let turn = 0;
    const pair = await openPair(() => (turn++ % 2 === 0 ? ["127.0.0.1"] : ["127.0.0.2"]));
    const dialled = dials();
    const url = `http://rebind.example:${pair.port}/`;
    expect(await pair.client.fetch(post(url))).toMatchObject({ status: 200 });
    expect(await pair.client.fetch(post(url))).toEqual({
      type: "error",
      cause: "egress_denied",
      message:
        "rebind.example resolves to a loopback address: 127.0.0.2 (denied by REPRISE_EGRESS=public-only; REPRISE_EGRESS_ALLOW can name it)",
    });
    expect(await pair.client.fetch(post(url))).toMatchObject({ status: 200 });
    expect([pair.trapped(), pair.served(), pair.dns.questions()]).toEqual([0, 2, 3]);
    expect(new Set(dialled)).toEqual(new Set([`127.0.0.1:${pair.port}`]));
  });

  test("that answers a thousand times as it likes never leads to a denied address", async () => {
    const answers: readonly (readonly string[])[] = [
      ["127.0.0.1"],
      ["127.0.0.2"],
      ["127.0.0.1", "127.0.0.2"],
      ["127.0.0.2", "127.0.0.1"],
      ["127.0.0.2", "10.0.0.1", "::1", "127.0.0.1"],
      ["169.254.169.254", "fd00:ec2::254"],
      ["inner.localhost", "127.0.0.2"],
      ["outer.example", "inner.example", "127.0.0.1"],
      Array.from({ length: 20 }, (_, index) => `127.0.0.${index + 2}`),
    ];
    let turn = 0;
    const pair = await openPair(() => answers[turn++ % answers.length] ?? []);
    const dialled = dials();
    const counts = { ok: 0, denied: 0, other: 0 };
    for (let round = 0; round < 1_000; round += 1) {
      const outcome = await pair.client.fetch(post(`http://rebind.example:${pair.port}/`));
      const isDenied = outcome.type === "error" && outcome.cause === "egress_denied";
      counts[outcome.type === "response" ? "ok" : isDenied ? "denied" : "other"] += 1;
    }
    // Five answers of nine hold the allowed address.
    expect(counts).toEqual({ ok: 556, denied: 444, other: 0 });
    expect([pair.trapped(), pair.served(), pair.dns.questions()]).toEqual([0, 556, 1_000]);
    expect(new Set(dialled)).toEqual(new Set([`127.0.0.1:${pair.port}`]));
  });

  test("that the list names may lead to a private address, but not to a metadata service", async () => {
    const url = await openHttp((_request, response) => response.end());
    const { port } = new URL(url);
    const client = openClient(policy("allow-list", `app.internal:${port}`), toLoopback);
    expect(await client.fetch(post(`http://app.internal:${port}/`))).toMatchObject({ status: 200 });
    const other = await client.fetch(post(`http://other.internal:${port}/`));
    expect(other).toMatchObject({ cause: "egress_denied" });
    const toMetadata = openClient(policy("allow-list", "app.internal"), async () => [
      { address: "169.254.169.254", family: 4 },
    ]);
    const dialled = dials();
    const outcome = await toMetadata.fetch(post("http://app.internal/"));
    expect(outcome).toMatchObject({ cause: "egress_denied" });
    expect(dialled).toEqual([]);
  });

  test("without any address, or with a resolver that fails, is a matter of names", async () => {
    const none = await openPair(() => []);
    const url = "http://nowhere.example/";
    expect(await none.client.fetch(post(url))).toMatchObject({ type: "error", cause: "dns" });
    const empty = openClient(policy("public-only"), async () => []);
    expect(await empty.fetch(post(url))).toMatchObject({ type: "error", cause: "dns" });
  });

  test("is asked for once by connections that open at the same moment", async () => {
    const held = Promise.withResolvers<void>();
    let asked = 0;
    const url = await openHttp((_request, response) => response.end());
    const client = openClient(policy("allow-private"), async () => {
      asked += 1;
      await held.promise;
      return [{ address: "127.0.0.1", family: 4 }];
    });
    const target = url.replace("127.0.0.1", "app.example");
    const requests = Array.from({ length: 8 }, () => client.fetch(post(target)));
    held.resolve();
    for (const request of requests) expect(await request).toMatchObject({ status: 200 });
    expect(asked).toBe(1);
  });

  test("whose resolver is silent frees its connection at the deadline", async () => {
    const client = new SystemFetch({
      ...{ connectionsPerOrigin: 1, originsMax: 1, idleMs: 60_000 },
      egress: policy("allow-private"),
      resolve: () => new Promise(() => {}),
    });
    clients.push(client);
    const first = client.fetch(post("http://silent.example/", 30));
    const second = client.fetch(post("http://silent.example/", 2_000));
    expect(await first).toMatchObject({ message: "no connection within 30 ms" });
    // It had the connection that the first one gave up: otherwise it would still have waited for one.
    expect(await second).toMatchObject({ message: "no connection within 2000 ms" });
  });
});

describe("a connection", () => {
  test("that stands at an address which is denied by then carries nothing", async () => {
    let received = 0;
    const url = await openTcp(() => {
      received += 1;
    });
    let checks = 0;
    // The first check is that of the literal, before the dial.
    const closing: Egress = {
      checkHost: () => null,
      checkAddress: () => (checks++ === 0 ? "is denied now" : null),
    };
    for (const one of [url, url.replace("127.0.0.1", "app.example")]) {
      checks = one === url ? 0 : -1;
      const outcome = await openClient(closing, toLoopback).fetch(post(one));
      expect(outcome).toMatchObject({ type: "error", cause: "egress_denied" });
    }
    expect(received).toBe(0);
  });

  test("is not made where a redirect points", async () => {
    const denied = await trap("127.0.0.1");
    const url = await openHttp((_request, response) => {
      response.writeHead(307, { location: `http://127.0.0.1:${denied?.port}/` }).end();
    });
    const client = openClient(policy("public-only", new URL(url).host));
    expect(await client.fetch(post(url))).toMatchObject({ type: "response", status: 307 });
    expect(denied?.count()).toBe(0);
  });

  test("is not made through a proxy that the environment names", async () => {
    const proxy = await trap("127.0.0.1");
    const names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "NODE_USE_ENV_PROXY"];
    for (const name of names) {
      const before = process.env[name];
      process.env[name] = name === "NODE_USE_ENV_PROXY" ? "1" : `http://127.0.0.1:${proxy?.port}`;
      onTestFinished(() => {
        if (before === undefined) delete process.env[name];
        else process.env[name] = before;
      });
    }
    const url = await openHttp((_request, response) => response.end());
    expect(await openClient(policy("allow-private")).fetch(post(url))).toMatchObject({
      status: 200,
    });
    expect(proxy?.count()).toBe(0);
  });

  test("that is denied leaves the place free for others", async () => {
    const client = new SystemFetch({
      ...{ connectionsPerOrigin: 1, originsMax: 1, idleMs: 60_000 },
      egress: policy("public-only"),
    });
    clients.push(client);
    const requests = Array.from({ length: 20 }, () => client.fetch(post("https://127.0.0.1/")));
    for (const request of requests) expect(await request).toMatchObject({ cause: "egress_denied" });
  });
});
