import { createServer } from "node:http";
import { describe, expect, test } from "vitest";
import { ConnectedRegistry } from "./api/connected/registry.ts";
import { ConnectDoor, isConnectRequest } from "./connect-door.ts";
import { toConnectedLimits } from "./connected.ts";
import { openSocket } from "./connected-app.suite.ts";
import { createConnectedWorld } from "./connected-world.suite.ts";
import { DEFAULT_LIMITS } from "./engine/limits.ts";
import { createSystemHost } from "./host/system-host.ts";
import { sendRaw } from "./http-app.suite.ts";
import { answer, listen } from "./transport.ts";

/** Who is let in, and who is not. */

const world = createConnectedWorld();

const handshake = (port: number, ...own: readonly string[]) =>
  [
    "GET /v2/connect HTTP/1.1",
    `Host: 127.0.0.1:${port}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    ...own,
    "\r\n",
  ].join("\r\n");

async function refusal(hello: object | string): Promise<string> {
  const app = await openSocket(world.server);
  if (typeof hello === "string") app.sendRaw(hello);
  else app.say(hello);
  const { error } = await app.nextWith("error");
  expect(await app.closed).toMatchObject({ code: 1008, reason: error?.code });
  return `${error?.code}: ${error?.message}`;
}
const hello = (own: object) => ({
  hello: { token: world.server.token, app: "shop", parallelism: 1, ...own },
});

describe("who may connect", () => {
  test("is no web page", async () => {
    await world.start();
    const received = await sendRaw(
      world.server.port,
      handshake(world.server.port, `Origin: http://127.0.0.1:${world.server.port}`),
    );
    expect(received).toMatch(/^HTTP\/1.1 403 .*"code":"forbidden"/s);
    expect(received).toContain("web pages may not connect");
  });

  test("is nobody under a name that only leads to this machine", async () => {
    await world.start();
    const received = await sendRaw(
      world.server.port,
      handshake(world.server.port).replace(/Host: .*/, "Host: evil.example"),
    );
    expect(received).toMatch(/^HTTP\/1.1 403 .*Host must name localhost/s);
  });

  test("speaks WebSocket, and at this path alone", async () => {
    await world.start();
    const plain = await world.call("GET", "/v2/connect");
    expect([plain.status, plain.body.code]).toEqual([400, "invalid_request"]);
    expect(plain.body.error).toContain("a proxy in front has to let the header Upgrade through");
    const other = handshake(world.server.port, "Connection: close").replace(
      "/v2/connect",
      "/v2/connection",
    );
    expect(await sendRaw(world.server.port, other)).toMatch(/^HTTP\/1.1 401 /);
    const old = handshake(world.server.port).replace("Version: 13", "Version: 7");
    expect(await sendRaw(world.server.port, old)).toMatch(
      /^HTTP\/1.1 400 .*"code":"invalid_request"/s,
    );
  });

  test("is an app with a good token and a name", async () => {
    await world.start();
    expect(await refusal(hello({ token: "wrong" }))).toMatch(/^unauthorized: /);
    expect(await refusal(hello({ token: 1 }))).toMatch(/^invalid_request: hello.token/);
    expect(await refusal(hello({ app: "Shop" }))).toMatch(/^invalid_request: hello.app must be/);
    expect(await refusal(hello({ app: "a.b" }))).toMatch(/^invalid_request: hello.app must be/);
    expect(await refusal(hello({ parallelism: -1 }))).toMatch(/^invalid_request: parallelism/);
    expect(await refusal({ parallelism: 1 })).toBe("invalid_request: hello must come first");
    expect(await refusal("nonsense")).toMatch(/^invalid_request: a message must be one line/);
  });

  test("is nobody with a token that only reads", async () => {
    await world.start({}, { readOnlyToken: "r".repeat(32), publishToken: "p".repeat(32) });
    expect(await refusal(hello({ token: "r".repeat(32) }))).toMatch(/^forbidden: /);
    await world.connect({ token: "p".repeat(32) });
  });

  test("has to say who it is in time", async () => {
    await world.start({ checkMs: 10, helloMs: 50 });
    const app = await openSocket(world.server);
    expect((await app.next()).error?.code).toBe("request_timeout");
    expect(await app.closed).toMatchObject({ code: 1008 });
  });

  test("may not talk much before that", async () => {
    await world.start({ helloBytesMax: 1_000 });
    expect(await refusal(hello({ sdk: "x".repeat(2_000) }))).toMatch(/^body_too_large: /);
    // The head of a frame of 100,000 bytes, and a few of them: nobody waits for the rest.
    const head = "\x81\xff\0\0\0\0\0\x01\x86\xa0\0\0\0\0";
    const received = await sendRaw(
      world.server.port,
      `${handshake(world.server.port)}${head}${" ".repeat(2_000)}`,
    );
    expect(received).toMatch(/^HTTP\/1.1 101 /);
  });

  test("is counted when the token is wrong", async () => {
    await world.start({ authFailuresMax: 1 });
    const codes = async () => {
      const wrong = [hello({ token: "wrong" }), hello({ token: "wrong" })];
      const refusals = await Promise.all(wrong.map(refusal));
      return refusals.map((text) => text.split(":")[0]).toSorted();
    };
    // Failures of one second are counted; on a busy machine these may be of two.
    await expect.poll(codes).toEqual(["rate_limited", "unauthorized"]);
  });

  test("loses its connection when the token is revoked", async () => {
    await world.start({ checkMs: 10 });
    const made = await world.call("POST", "/v2/tokens", {
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name: "shop", scope: "publish-only" }),
    });
    const app = await world.connect({ token: made.body.token });
    await world.call("DELETE", `/v2/tokens/${made.body.id}`);
    expect((await app.next()).error).toMatchObject({ code: "unauthorized" });
    expect(await app.closed).toMatchObject({ code: 1008 });
  });
});

describe("a door that is closed", () => {
  test("turns away who comes back at once: nobody would end that connection", async () => {
    const host = createSystemHost({ writeLine: () => {} });
    const limits = { ...toConnectedLimits(DEFAULT_LIMITS), frameBytesMax: 1_000 };
    const registry = new ConnectedRegistry({ host, limits });
    const settings = { isLoopbackOnly: false, trustedProxies: [] };
    const door = new ConnectDoor({ host, registry, settings, limits, answer });
    const server = createServer({ shouldUpgradeCallback: isConnectRequest });
    door.attach(server);
    const port = await listen(server, "127.0.0.1", 0);
    await door.close(0);
    expect(await sendRaw(port, handshake(port))).toMatch(
      /^HTTP\/1.1 503 .*"code":"shutting_down"/s,
    );
    await new Promise((resolve) => server.close(resolve));
    await host.close();
  });
});

describe("a server that stops", () => {
  test("lets deliveries end, and takes no new apps meanwhile", async () => {
    await world.start({}, { drainMs: 60_000 });
    const { server } = world;
    const app = await world.connect();
    await world.publish("http://shop.connected.alt/");
    await app.nextWith("deliver");
    const stopped = server.close();
    await app.nextWith("drain");
    expect(await refusal(hello({}))).toMatch(/^shutting_down: /);
    app.say({ end: 1, status: 200, headers: {} });
    await stopped;
  });
});
