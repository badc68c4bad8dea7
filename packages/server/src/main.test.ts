import { mkdtempSync, rmSync } from "node:fs";
import { Agent, createServer, request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { devServerConfig, type ServerConfig } from "./config.ts";
import { type HttpApp, openHttpApp } from "./http-app.suite.ts";
import { type RunningServer, startServer } from "./main.ts";

let dataDir: string;
let app: HttpApp;
let servers: RunningServer[];
let lines: string[];

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), "reprise-main-"));
  app = await openHttpApp();
  servers = [];
  lines = [];
});

afterEach(async () => {
  for (const server of servers) await server.close();
  await app.close();
  rmSync(dataDir, { recursive: true });
});

async function start(own: Partial<ServerConfig> = {}): Promise<RunningServer> {
  const config = { ...devServerConfig({ port: 0, dataDir }), drainMs: 200, ...own };
  const server = await startServer(config, { writeLine: (line) => lines.push(line) });
  servers.push(server);
  return server;
}

function call(server: RunningServer, method: string, path: string, body?: unknown) {
  return fetch(`${server.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${server.token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

function message(runId: string, body: string, isInit: boolean) {
  return {
    destination: app.url,
    body,
    headers: {
      "upstash-workflow-init": String(isInit),
      "upstash-workflow-runid": runId,
      "upstash-workflow-url": app.url,
      "upstash-feature-set": "WF_TriggerOnConfig",
      "upstash-forward-upstash-workflow-sdk-version": "1",
    },
  };
}

const trigger = (server: RunningServer, runId: string) =>
  call(server, "POST", "/v2/batch", [message(runId, "payload", true)]);

function submit(server: RunningServer, runId: string, stepId: number) {
  const record = { stepId, stepName: "s", stepType: "Run", out: '"ok"', concurrent: 1 };
  return call(server, "POST", "/v2/batch", [message(runId, JSON.stringify(record), false)]);
}

const finish = (server: RunningServer, runId: string) =>
  call(server, "DELETE", `/v2/workflows/runs/${runId}?cancel=false`);

/** Number of records that a delivery carries. */
const lengthOf = (body: string | undefined) => JSON.parse(body ?? "[]").length;

describe("a server", () => {
  test("says where it listens and answers there", async () => {
    const server = await start();
    expect(server.url).toBe(`http://127.0.0.1:${server.port}`);
    expect(server.port).toBeGreaterThan(0);
    const response = await fetch(`${server.url}/livez`);
    expect([response.status, await response.json()]).toEqual([200, { status: "ok" }]);
  });

  test("runs a workflow over real HTTP, signed with the keys that it shows", async () => {
    const server = await start();
    expect((await trigger(server, "wfr_a")).status).toBe(200);
    const [first] = await app.arrived(1);
    expect(first?.headers).toMatchObject({
      "upstash-workflow-runid": "wfr_a",
      "upstash-workflow-sdk-version": "1",
      "upstash-signature": expect.stringMatching(/^ey/),
      "content-type": "application/json",
    });
    expect((await submit(server, "wfr_a", 1)).status).toBe(200);
    first?.answer();
    const [, second] = await app.arrived(2);
    expect(lengthOf(second?.body)).toBe(2);
    expect((await finish(server, "wfr_a")).status).toBe(200);
    second?.answer();
    expect(await (await call(server, "GET", "/v2/keys")).json()).toEqual(server.signingKeys);
  });

  test("that has nothing to do leaves nothing open when it is closed", async () => {
    const server = await start();
    const agent = new Agent({ keepAlive: true });
    await new Promise<void>((resolve, reject) => {
      const options = { port: server.port, host: "127.0.0.1", path: "/livez", agent };
      httpRequest(options, (response) => response.resume().on("end", resolve))
        .on("error", reject)
        .end();
    });
    await server.close();
    await expect(fetch(`${server.url}/livez`)).rejects.toThrow();
    agent.destroy();
    expect(lines).toEqual([]);
  });
});

describe("a second server on the same data", () => {
  test("is refused with a message that says why, and the first one goes on", async () => {
    const first = await start();
    await expect(start()).rejects.toMatchObject({
      code: "storage_unavailable",
      message: expect.stringMatching(/another|in use|already/i),
    });
    expect((await fetch(`${first.url}/readyz`)).status).toBe(200);
    expect((await trigger(first, "wfr_a")).status).toBe(200);
  });

  test("may start once the first one has closed", async () => {
    await (await start()).close();
    expect((await fetch(`${(await start()).url}/readyz`)).status).toBe(200);
  });
});

test("a port that is taken is named, and the data are free for the next try", async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  // A server that listens on a port has an address of this form.
  const { port } = other.address() as AddressInfo;
  await expect(start({ port })).rejects.toMatchObject({ code: "EADDRINUSE", port });
  expect((await fetch(`${(await start()).url}/livez`)).status).toBe(200);
  await new Promise((resolve) => other.close(resolve));
});

/** A port that nobody has, and somebody may get in a moment: good enough for a test. */
async function freePort(): Promise<number> {
  const holder = await openHttpApp();
  const { port } = new URL(holder.url);
  await holder.close();
  return Number(port);
}

const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === "::1"),
);

describe.skipIf(!hasIpv6)("localhost", () => {
  const answers = async (host: string, port: number) => {
    const headers = { authorization: `Bearer ${servers[0]?.token}` };
    return (await fetch(`http://${host}:${port}/v2/keys`, { headers })).status;
  };

  test("has two addresses, and a development server answers at both until it is closed", async () => {
    const port = await freePort();
    const server = await start({ port });
    expect([await answers("127.0.0.1", port), await answers("[::1]", port)]).toEqual([200, 200]);
    await server.close();
    servers = [];
    await expect(answers("127.0.0.1", port)).rejects.toThrow();
    await expect(answers("[::1]", port)).rejects.toThrow();
  });

  test("belongs to one server: a port that another has at one of them is taken", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "::1", resolve));
    // The server listens at a port, so its address is no path.
    const { port } = other.address() as AddressInfo;
    await expect(start({ port })).rejects.toMatchObject({ code: "EADDRINUSE" });
    await new Promise((resolve) => other.close(resolve));
    await start({ port });
  });

  test("is no place for a production server that was told an address", async () => {
    const port = await freePort();
    await start({ port, mode: "production" });
    expect(await answers("127.0.0.1", port)).toBe(200);
    await expect(answers("[::1]", port)).rejects.toThrow();
  });
});

describe("closing", () => {
  test("waits for a delivery in flight, and takes the step that it leads to", async () => {
    const server = await start({ drainMs: 60_000 });
    await trigger(server, "wfr_a");
    const [first] = await app.arrived(1);
    const closing = server.close();
    expect((await submit(server, "wfr_a", 1)).status).toBe(200);
    first?.answer();
    await closing;
    expect(app.deliveries).toHaveLength(1);
    await start();
    const [, second] = await app.arrived(2);
    expect(lengthOf(second?.body)).toBe(2);
    expect(second?.headers["upstash-retried"]).toBe("0");
    second?.answer();
  });

  test("waits no longer than it may, and the next server delivers again under the same number", async () => {
    const server = await start({ drainMs: 50 });
    await trigger(server, "wfr_a");
    await app.arrived(1);
    await server.close();
    const next = await start();
    const [, again] = await app.arrived(2);
    expect(again?.headers["upstash-retried"]).toBe("0");
    expect(lengthOf(again?.body)).toBe(1);
    expect((await finish(next, "wfr_a")).status).toBe(200);
    again?.answer();
    expect(lines.filter((line) => line.includes("transaction_failed"))).toEqual([]);
  });
});

describe("a restart on the same data", () => {
  test("goes on with a run where it was, and keeps what had been recorded", async () => {
    const first = await start();
    await trigger(first, "wfr_a");
    const [delivery] = await app.arrived(1);
    await submit(first, "wfr_a", 1);
    delivery?.answer();
    await app.arrived(2);
    await first.close();

    const second = await start();
    const [, , again] = await app.arrived(3);
    expect(lengthOf(again?.body)).toBe(2);
    const list = await call(second, "GET", "/v2/workflows/runs/wfr_a");
    expect(await list.json()).toHaveLength(2);
    const repeated = await submit(second, "wfr_a", 1);
    expect(await repeated.json()).toMatchObject([{ deduplicated: true }]);
    await submit(second, "wfr_a", 2);
    again?.answer();
    const [, , , last] = await app.arrived(4);
    expect(lengthOf(last?.body)).toBe(3);
    await finish(second, "wfr_a");
    last?.answer();
    expect((await call(second, "GET", "/v2/workflows/runs/wfr_a")).status).toBe(404);
  });

  test("keeps a retry that was waiting", async () => {
    // So long that it has read the answer before it ends.
    const first = await start({ drainMs: 60_000 });
    const item = message("wfr_a", "payload", true);
    const headers = { ...item.headers, "upstash-retry-delay": "300" };
    await call(first, "POST", "/v2/batch", [{ ...item, headers }]);
    const [delivery] = await app.arrived(1);
    delivery?.answer(500);
    await first.close();
    await start();
    const [, again] = await app.arrived(2);
    expect(again?.headers["upstash-retried"]).toBe("1");
    again?.answer();
  });
});
