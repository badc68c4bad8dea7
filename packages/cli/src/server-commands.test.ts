// The real command in a process of its own: what it prints, how it stops, and what it refuses.

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DEV_IDENTITY } from "@reprise/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { call, startApp, until } from "./failing-app.test.fixture.ts";

interface Command {
  readonly child: ChildProcess;
  readonly out: () => string;
  readonly err: () => string;
  readonly exitCode: Promise<number | null>;
}

const main = fileURLToPath(new URL("./main.ts", import.meta.url));
const started: Command[] = [];
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "reprise-cli-"));
});

afterEach(async () => {
  for (const { child, exitCode } of started.splice(0)) {
    child.kill("SIGKILL");
    await exitCode;
  }
  rmSync(directory, { recursive: true, force: true });
});

/** Starts the command from its source, with no setting but the given ones. */
function start(args: readonly string[], settings: Readonly<Record<string, string>> = {}): Command {
  const foreign = /^(?:REPRISE_|QSTASH_|NODE_ENV$|VITEST)/;
  const kept = Object.entries(process.env).filter(([name]) => !foreign.test(name));
  const own = args[0] === "start" ? { REPRISE_PRE_STOP: "0" } : {};
  const env = { ...Object.fromEntries(kept), ...own, ...settings };
  const nodeArgs = ["--conditions=source", main, ...args];
  const stdio = ["ignore", "pipe", "pipe"] as const;
  const child = spawn(process.execPath, nodeArgs, { cwd: directory, env, stdio: [...stdio] });
  let out = "";
  let err = "";
  child.stdout?.setEncoding("utf8").on("data", (part: string) => {
    out += part;
  });
  child.stderr?.setEncoding("utf8").on("data", (part: string) => {
    err += part;
  });
  const exitCode = new Promise<number | null>((resolve) => {
    child.once("close", (code) => resolve(code));
  });
  const command = { child, out: () => out, err: () => err, exitCode };
  started.push(command);
  return command;
}

const awaitUrl = (command: Command): Promise<string> =>
  until(`the line that says where it runs\n${command.err()}`, () => {
    return /running at (http:\S+)\n/i.exec(command.out())?.[1] ?? null;
  });

async function runToEnd(
  args: readonly string[],
  settings: Readonly<Record<string, string>> = {},
): Promise<{ readonly exitCode: number | null; readonly out: string; readonly err: string }> {
  const command = start(args, settings);
  const exitCode = await command.exitCode;
  return { exitCode, out: command.out(), err: command.err() };
}

test("dev prints the settings of an app and then where it runs, without colours", async () => {
  const command = start(["dev", "--port", "0"]);
  const url = await awaitUrl(command);
  expect(command.out()).toBe(
    [
      `QSTASH_URL=${url}`,
      `QSTASH_TOKEN=${DEV_IDENTITY.token}`,
      `QSTASH_CURRENT_SIGNING_KEY=${DEV_IDENTITY.currentSigningKey}`,
      `QSTASH_NEXT_SIGNING_KEY=${DEV_IDENTITY.nextSigningKey}`,
      `Reprise (development) is running at ${url}`,
      "",
    ].join("\n"),
  );
  expect(await call({ url, token: DEV_IDENTITY.token }, "/v2/keys")).toEqual({
    current: DEV_IDENTITY.currentSigningKey,
    next: DEV_IDENTITY.nextSigningKey,
  });
  expect(existsSync(join(directory, ".reprise", "dev"))).toBe(true);
  command.child.kill("SIGTERM");
  expect(await command.exitCode).toBe(0);
  expect(command.err()).toContain(`The dashboard is at ${url}/\n`);
  expect(command.err()).toMatch(
    /Stopped within \d+\.\d s: 0 deliveries in flight have ended, 0 were handed back\.\n$/,
  );
});

test("a port in use is one line and exit code 1", async () => {
  const other: Server = createServer();
  const port = await new Promise<number>((resolve) => {
    other.listen(0, "127.0.0.1", () => {
      const address = other.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
  const { exitCode, out, err } = await runToEnd(["dev", "--port", String(port)]);
  other.close();
  expect([exitCode, out]).toEqual([1, ""]);
  expect(err).toBe(`reprise: address already in use: 127.0.0.1:${port}; choose another port\n`);
});

test("one data directory has one server", async () => {
  const first = start(["dev", "--port", "0", "--data", "shared"]);
  await awaitUrl(first);
  const { exitCode, out, err } = await runToEnd(["dev", "--port", "0", "--data", "shared"]);
  expect([exitCode, out]).toEqual([1, ""]);
  expect(err).toMatch(/^reprise: .*shared.*\n$/);
});

test("dev refuses to be reachable from outside and to serve production", async () => {
  const outside = await runToEnd(["dev", "--port", "0", "--host", "0.0.0.0"]);
  expect([outside.exitCode, outside.out]).toEqual([2, ""]);
  expect(outside.err).toMatch(/^reprise: .*loopback.*0\.0\.0\.0.*\n$/);
  const production = await runToEnd(["dev", "--port", "0"], { NODE_ENV: "production" });
  expect([production.exitCode, production.out]).toEqual([2, ""]);
  expect(production.err).toMatch(/^reprise: .*NODE_ENV is production.*\n$/);
  expect(existsSync(join(directory, ".reprise"))).toBe(false);
});

test("the first signal waits for a delivery in flight, the second one does not", async () => {
  const command = start(["dev", "--port", "0"]);
  const server = { url: await awaitUrl(command), token: DEV_IDENTITY.token };
  const app = await startApp(() => server);
  app.hang();
  await call(server, `/v2/trigger/${app.url}`, { method: "POST" });
  await until("the delivery", () => (app.deliveries === 1 ? true : null));
  command.child.kill("SIGINT");
  await until("the first signal", () => (/SIGINT: waiting/.test(command.err()) ? true : null));
  expect(command.child.exitCode).toBeNull();
  command.child.kill("SIGINT");
  expect(await command.exitCode).toBe(1);
  await app.close();
});

test("start names every faulty setting at once", async () => {
  const { exitCode, out, err } = await runToEnd(["start"], {
    REPRISE_PORT: "http",
    REPRISE_TOKEN: DEV_IDENTITY.token,
    REPRISE_CURRENT_SIGNING_KEY: DEV_IDENTITY.currentSigningKey,
    REPRISE_NEXT_SIGNING_KEY: DEV_IDENTITY.nextSigningKey,
    REPRISE_DATADIR: "x",
  });
  expect([exitCode, out]).toEqual([2, ""]);
  for (const name of ["PORT", "TOKEN", "CURRENT_SIGNING_KEY", "NEXT_SIGNING_KEY", "DATADIR"]) {
    expect(err).toContain(`REPRISE_${name} `);
  }
  expect(err).not.toContain(DEV_IDENTITY.token);
});

test("start makes a token, shows it once and keeps no copy of it", async () => {
  const settings = { REPRISE_PORT: "0", REPRISE_DATA_DIR: "kept", NODE_ENV: "production" };
  const first = start(["start"], settings);
  const url = await awaitUrl(first);
  const token = /^QSTASH_TOKEN=(\S+)$/m.exec(first.out())?.[1] ?? "";
  const key = /^QSTASH_CURRENT_SIGNING_KEY=(\S+)$/m.exec(first.out())?.[1] ?? "";
  expect(first.out().split(token)).toHaveLength(2);
  expect(first.err()).toContain("Keep it: this is the only time that it is shown.");
  expect(await call({ url, token }, "/v2/keys")).toMatchObject({ current: key });
  const secret = JSON.parse(Buffer.from(token, "base64").toString()).Password;
  for (const part of [token, secret]) expect(filesWith(part)).toEqual([]);
  first.child.kill("SIGTERM");
  expect(await first.exitCode).toBe(0);

  const second = start(["start"], settings);
  const secondUrl = await awaitUrl(second);
  expect(await call({ url: secondUrl, token }, "/v2/keys")).toMatchObject({ current: key });
  expect(second.out()).toBe(`Reprise is running at ${secondUrl}\n`);
  expect(second.err()).toContain("The token is the one that the first start has shown.");
  for (const part of [token, key]) expect(second.err()).not.toContain(part);
});

/** Files of the data directory that hold `text`. */
function filesWith(text: string): readonly string[] {
  const kept = join(directory, "kept");
  return readdirSync(kept).filter((name) => readFileSync(join(kept, name)).includes(text));
}

test("a start that cannot listen makes no token that nobody has seen", async () => {
  const other: Server = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const address = other.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const settings = { REPRISE_PORT: String(port), REPRISE_DATA_DIR: "kept" };
  const { exitCode, out } = await runToEnd(["start"], settings);
  await new Promise((resolve) => other.close(resolve));
  expect([exitCode, out]).toEqual([1, ""]);
  const again = start(["start"], settings);
  await awaitUrl(again);
  expect(again.out()).toMatch(/^QSTASH_TOKEN=\S+$/m);
});

test("a given token is never printed", async () => {
  const token = Buffer.from('{"UserID":"me","Password":"secret-of-a-test"}').toString("base64");
  const command = start(["start"], {
    REPRISE_PORT: "0",
    REPRISE_DATA_DIR: "kept",
    REPRISE_TOKEN: token,
  });
  const url = await awaitUrl(command);
  await call({ url, token }, "/v2/keys");
  expect(command.out() + command.err()).not.toContain(token);
  expect(command.err()).toContain("The token is the one in REPRISE_TOKEN.");
});

test("start shows the settings that it was given, and no secret", async () => {
  const token = Buffer.from('{"UserID":"me","Password":"secret-of-a-test"}').toString("base64");
  const command = start(["start"], {
    REPRISE_PORT: "0",
    REPRISE_DATA_DIR: "kept",
    REPRISE_TOKEN: token,
    REPRISE_LOG_RETENTION: "3d",
  });
  const url = await awaitUrl(command);
  const text = JSON.stringify(await call({ url, token }, "/v2/settings"));
  expect(text).toContain(
    JSON.stringify({ name: "REPRISE_LOG_RETENTION", value: "3d", source: "environment" }),
  );
  expect(text).toContain(
    JSON.stringify({ name: "REPRISE_TOKEN", value: "hidden", source: "environment" }),
  );
  expect(text).not.toContain(token);
});
