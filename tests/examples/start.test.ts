// `npm run example -- <name>` without npm: what it says when it cannot start, and that an app of the documentation
// needs no more than `QSTASH_DEV=true`.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { isDeepStrictEqual } from "node:util";
import { devServerConfig, type RunningServer, startServer } from "@reprise/server";
import { afterEach, expect, test } from "vitest";
import { addressOf, type Program, startProgram, stopProgram, untilSeen } from "./program.ts";

const cleanUps: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  // The server goes last: the SDK starts one of its vendor's when it finds none in `QSTASH_DEV`.
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

async function startReprise(): Promise<RunningServer> {
  const config = devServerConfig({ port: 0, dataDir: ":memory:", logLevel: "error" });
  const server = await startServer({ ...config, drainMs: 1_000 });
  cleanUps.push(() => server.close());
  return server;
}

/** A port that something else than Reprise listens on. */
async function startStranger(): Promise<number> {
  const server = createServer((_request, response) => response.end("hello"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanUps.push(() => {
    server.close();
  });
  // A server that listens on a TCP port has an address of this form.
  return (server.address() as AddressInfo).port;
}

function start(
  path: string,
  args: readonly string[],
  settings: Readonly<Record<string, string>>,
): Program {
  const program = startProgram(path, args, settings);
  cleanUps.push(() => stopProgram(program));
  return program;
}

async function expectRefusal(
  args: readonly string[],
  settings: Readonly<Record<string, string>>,
): Promise<string> {
  const program = start("scripts/example.mjs", args, settings);
  expect(await program.ended).toBe(1);
  expect(program.output()).not.toContain("    at ");
  return program.output();
}

test("without a server it says how to start one", async () => {
  // Port 9 is `discard`; nobody offers it any more.
  const output = await expectRefusal(["express"], { QSTASH_URL: "http://127.0.0.1:9" });
  expect(output).toContain("no server answers at http://127.0.0.1:9");
  expect(output).toContain("npm run reprise -- dev");
  expect(output).toContain("unset QSTASH_URL");
});

test("a server of something else and a wrong token are told apart", async () => {
  const stranger = `http://127.0.0.1:${await startStranger()}`;
  expect(await expectRefusal(["hono"], { QSTASH_URL: stranger })).toContain(
    `${stranger} is not a Reprise server`,
  );
  const { url } = await startReprise();
  const settings = { QSTASH_URL: url, QSTASH_TOKEN: "unknown" };
  expect(await expectRefusal(["hono"], settings)).toContain(
    `the server at ${url} refuses the token`,
  );
});

test("a port that is taken or is none is named before the app starts", async () => {
  const { url } = await startReprise();
  const port = String(await startStranger());
  const settings = { QSTASH_URL: url };
  expect(await expectRefusal(["nextjs"], { ...settings, PORT: port })).toContain(
    `port ${port} is taken; choose another one: PORT=3001 npm run example -- nextjs`,
  );
  expect(await expectRefusal(["nextjs"], { ...settings, PORT: "99999" })).toContain(
    "PORT must be a whole number from 0 to 65535, got 99999",
  );
});

test("it knows its examples", async () => {
  const names = "nextjs, express, hono, node-http";
  expect(await expectRefusal([], {})).toContain(`expected the name of one example (${names})`);
  expect(await expectRefusal(["koa"], {})).toContain("got koa");
});

test("with QSTASH_DEV an app finds the server by itself, and verifies what it sends", async () => {
  const server = await startReprise();
  const settings = { QSTASH_DEV: "true", QSTASH_DEV_PORT: String(server.port), PORT: "0" };
  const app = start("examples/express/app.ts", [], settings);
  const url = await addressOf(app);
  const headers = { "content-type": "application/json" };
  const refund = JSON.stringify({ orderId: "1", reason: "too blue" });

  const unsigned = { method: "POST", headers, body: refund };
  expect((await fetch(`${url}/workflows/refund`, unsigned)).status).toBe(500);
  const response = await fetch(`${url}/refunds`, unsigned);
  expect(response.status, await response.text()).toBe(200);

  const journal = async () => (await fetch(`${url}/orders/1`)).json();
  const lines = ["support is asked for a refund: too blue"];
  await untilSeen("the first step of the run", async () =>
    isDeepStrictEqual(await journal(), lines),
  );
});
