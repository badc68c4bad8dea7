import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, onTestFinished, test } from "vitest";
import { type Environment, parseServerConfig } from "./config.ts";
import { openTrap, watchDials } from "./host/dials.suite.ts";
import { deniedSpellings } from "./host/spellings.suite.ts";
import type { ResolvedAddress } from "./host/system-dial.ts";
import { type RunningServer, startServer } from "./main.ts";

const token = btoa(JSON.stringify({ UserID: "me", Password: "a long enough secret" }));
const servers: RunningServer[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

/** A production server with settings of the environment alone; each name leads where `addresses` says. */
async function start(env: Environment, addresses: Readonly<Record<string, string>> = {}) {
  const config = parseServerConfig({
    REPRISE_PORT: "0",
    REPRISE_DATA_DIR: ":memory:",
    REPRISE_TOKEN: token,
    REPRISE_LOG_LEVEL: "error",
    REPRISE_PRE_STOP: "0",
    REPRISE_DRAIN_TIMEOUT: "1s",
    ...env,
  });
  const server = await startServer(config, {
    writeLine: () => {},
    resolve: async (name): Promise<readonly ResolvedAddress[]> => {
      const address = addresses[name] ?? "127.0.0.1";
      return [{ address, family: address.includes(":") ? 6 : 4 }];
    },
  });
  servers.push(server);
  return server;
}

async function call(server: RunningServer, target: string, init: RequestInit = {}) {
  const headers = new Headers(init.headers);
  headers.set("authorization", `Bearer ${token}`);
  const response = await fetch(`${server.url}${target}`, { ...init, headers });
  return { status: response.status, json: JSON.parse(await response.text()) };
}

function trigger(server: RunningServer, items: readonly object[]) {
  return call(server, "/v2/batch/trigger", { method: "POST", body: JSON.stringify(items) });
}

/** Dials that are no request of this test to the server itself. */
function watch(server: RunningServer): () => readonly string[] {
  const { dials, stop } = watchDials();
  onTestFinished(stop);
  return () => dials.filter((dial) => !dial.endsWith(`:${server.port}`));
}

async function trap() {
  const found = await openTrap("127.0.0.1");
  if (found === null) throw new Error("a machine has 127.0.0.1");
  onTestFinished(found.close);
  return found;
}

async function openApp() {
  const requests: { readonly path: string; readonly body: string }[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    requests.push({ path: request.url ?? "", body: Buffer.concat(chunks).toString() });
    response.writeHead(500).end("broken");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  // A server that listens on a port has an address with that port.
  return { port: (server.address() as AddressInfo).port, requests };
}

/** The one dead letter, once its failure callback has failed as well. */
async function failedLetter(server: RunningServer): Promise<string> {
  const read = async () => JSON.stringify((await call(server, "/v2/workflows/dlq")).json);
  await expect.poll(read).toContain("CALLBACK_FAIL");
  return read();
}

describe("a production server without settings", () => {
  test("refuses 1,300 spellings of denied destinations, some as callbacks, and dials none", async () => {
    const server = await start({});
    const { port, count } = await trap();
    const dialled = watch(server);
    const urls = deniedSpellings(port);
    const asDestination = urls.map((url) => ({ destination: url }));
    const asCallback = urls.map((url) => ({
      destination: "https://app.example/",
      headers: { "Upstash-Failure-Callback": url },
    }));
    // An odd step, so that both ways in which a host comes are in the sample.
    const items = [
      ...asDestination.filter((_, index) => index % 5 === 0),
      ...asCallback.filter((_, index) => index % 25 === 0),
    ];
    expect(items.length).toBeGreaterThan(1_250);
    const accepted: unknown[] = [];
    for (let at = 0; at < items.length; at += 40) {
      const group = items.slice(at, at + 40);
      const answers = await Promise.all(group.map((item) => trigger(server, [item])));
      answers.forEach(({ status }, index) => {
        if (status !== 400) accepted.push([status, group[index]]);
      });
    }
    expect([accepted, dialled(), count()]).toEqual([[], [], 0]);
    expect(await call(server, "/v2/workflows/logs")).toMatchObject({ json: { runs: [] } });
  });

  test("says what is wrong and which setting decides", async () => {
    const server = await start({});
    const answer = await call(server, "/v2/trigger/http://[::1]:3000/x", { method: "POST" });
    expect(answer).toEqual({
      status: 400,
      json: {
        code: "invalid_destination",
        error:
          "invalid destination url: endpoint resolves to a loopback address: ::1 (denied by REPRISE_EGRESS=public-only; REPRISE_EGRESS_ALLOW can name it)",
      },
    });
    const callback = await call(server, "/v2/trigger/https://app.example/x", {
      method: "POST",
      headers: { "Upstash-Failure-Callback": "http://169.254.169.254/latest" },
    });
    expect(callback).toMatchObject({
      status: 400,
      json: {
        error: expect.stringMatching(
          /^invalid Upstash-Failure-Callback url: endpoint resolves to a metadata address/,
        ),
      },
    });
  });

  test("fails a run at once whose name leads to a denied address, callbacks as well", async () => {
    const server = await start({}, { "app.example": "127.0.0.1", "hook.example": "127.0.0.1" });
    const { port, count } = await trap();
    const dialled = watch(server);
    const answer = await call(server, `/v2/trigger/http://app.example:${port}/x`, {
      method: "POST",
      headers: {
        "Upstash-Retries": "5",
        "Upstash-Failure-Callback": `http://hook.example:${port}/hook`,
      },
    });
    expect(answer.status).toBe(200);
    const letter = await failedLetter(server);
    expect(letter).toContain("app.example resolves to a loopback address: 127.0.0.1");
    expect([dialled(), count()]).toEqual([[], 0]);
  });
});

describe("a production server with an allow list", () => {
  test("delivers there and nowhere else, and not to a callback outside of it", async () => {
    const app = await openApp();
    const { port, count } = await trap();
    const server = await start({
      REPRISE_EGRESS: "allow-list",
      REPRISE_EGRESS_ALLOW: `app.internal:${app.port}`,
    });
    const allowed = `http://app.internal:${app.port}/x`;
    const answer = await call(server, `/v2/trigger/${allowed}`, {
      method: "POST",
      headers: {
        "Upstash-Retries": "0",
        "Upstash-Failure-Callback": `http://app.internal:${port}/hook`,
      },
    });
    expect(answer.status).toBe(200);
    await failedLetter(server);
    expect(app.requests.map(({ path }) => path)).toEqual(["/x"]);
    expect(count()).toBe(0);
    const other = await call(server, "/v2/trigger/http://1.1.1.1/", { method: "POST" });
    expect(other).toMatchObject({
      status: 400,
      json: { error: expect.stringContaining("an address outside the allow list: 1.1.1.1") },
    });
  });
});
