import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { keptPort } from "../dashboard/kept-port.ts";
import type { Image } from "./image.ts";

/** A machine as the runbooks know it: `reprise`, `systemctl` and `sudo` on the path, a data directory, a file of settings, and an app. */
export interface RunbookWorld {
  readonly url: string;
  readonly token: string;
  readonly appUrl: string;
  readonly data: string;
  readonly app: { mode: "broken" | "healed" | "idle"; deliveries: number };
  /** Puts lines into the file of settings; the server reads it when it starts. */
  set(lines: Readonly<Record<string, string>>): void;
  start(): Promise<void>;
  /** What the server has printed since its last start. */
  said(): string;
  /** Calls the API; the server is there. */
  call(path: string, init?: RequestInit): Promise<Answer>;
  /** Runs what stands in a block, as one script that ends at the first command that fails. */
  run(script: string, variables?: Readonly<Record<string, string>>): Promise<Ended>;
  close(): Promise<void>;
}

/** What the API answered; each test knows what it has asked for. */
export type Answer = Readonly<Record<string, unknown>>;

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

const token = btoa(JSON.stringify({ UserID: "me", Password: "a long enough secret" }));

export async function openRunbookWorld({ home }: Image): Promise<RunbookWorld> {
  const command = join(home, "bin/reprise");
  const directory = mkdtempSync(join(tmpdir(), "reprise-runbook-"));
  const data = join(directory, "data");
  const settings = join(directory, "environment");
  const app: RunbookWorld["app"] = { mode: "broken", deliveries: 0 };
  const appPort = await listen(createApp(app, () => url));
  const appUrl = `http://127.0.0.1:${appPort.port}`;
  // The servers keep theirs over restarts.
  const port = await keptPort();
  const url = `http://127.0.0.1:${port}`;
  const shims = join(directory, "bin");
  writeShims(shims, command);
  const set = (lines: Readonly<Record<string, string>>): void => {
    const added = Object.entries(lines).map(([name, value]) => `${name}=${value}\n`);
    writeFileSync(settings, added.join(""), { flag: "a" });
  };
  set({
    REPRISE_PORT: String(port),
    REPRISE_DATA_DIR: data,
    REPRISE_TOKEN: token,
    REPRISE_EGRESS_ALLOW: new URL(appUrl).host,
    REPRISE_PRE_STOP: "0",
    REPRISE_DRAIN_TIMEOUT: "1s",
    REPRISE_WATCHDOG_INTERVAL: "1s",
  });
  // A second machine has the same settings, and here its own port.
  const secondPort = String(await keptPort());
  const units = {
    "": createUnit(command, () => readSettings(settings)),
    second: createUnit(command, () => ({ ...readSettings(settings), REPRISE_PORT: secondPort })),
  };
  const control = await listen(createControl(units));
  const env: NodeJS.ProcessEnv = {
    NODE_ENV: "production",
    PATH: `${shims}:${dirname(process.execPath)}:${process.env.PATH}`,
    // Of all worlds of the image: it goes with it.
    NODE_COMPILE_CACHE: join(dirname(home), "compiled"),
    CONTROL_URL: `http://127.0.0.1:${control.port}`,
    QSTASH_URL: url,
    QSTASH_TOKEN: token,
    DATA: data,
    SETTINGS: settings,
    BACKUPS: join(directory, "backups"),
    APP: appUrl,
    NODE2: "second",
    NODE2_URL: `http://127.0.0.1:${secondPort}`,
  };
  mkdirSync(join(directory, "backups"));
  return {
    url,
    token,
    appUrl,
    data,
    app,
    set,
    start: () => units[""].start(),
    said: () => units[""].said(),
    call: (path, init = {}) => callApi(url + path, init),
    run: (script, variables = {}) => runScript(script, directory, { ...env, ...variables }),
    close: async () => {
      await Promise.all(Object.values(units).map((unit) => unit.stop("SIGKILL")));
      await appPort.close();
      await control.close();
      rmSync(directory, { recursive: true });
    },
  };
}

async function callApi(url: string, init: RequestInit): Promise<Answer> {
  const headers = { ...init.headers, authorization: `Bearer ${token}` };
  const response = await fetch(url, { ...init, headers });
  const body = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${body}`);
  return JSON.parse(body);
}

function runScript(script: string, cwd: string, env: NodeJS.ProcessEnv): Promise<Ended> {
  const args = ["-euo", "pipefail", "-c", script];
  return endOf(spawn("bash", args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] }));
}

async function endOf(child: ChildProcess): Promise<Ended> {
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error("the output is not piped");
  const code = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  const [out, err] = await Promise.all([text(stdout), text(stderr)]);
  return { code: await code, out, err };
}

/** Lines of `NAME=value`; a later one counts more, as with systemd. */
function readSettings(path: string): Readonly<Record<string, string>> {
  const lines = readFileSync(path, "utf8").split("\n");
  const pairs = lines.filter((line) => line.includes("=")).map((line) => line.split(/=(.*)/s));
  return Object.fromEntries(pairs.map(([name = "", value = ""]) => [name, value]));
}

function writeShims(directory: string, command: string): void {
  mkdirSync(directory);
  const node = process.execPath;
  const shims = {
    reprise: `#!/bin/sh\nexec "${node}" "${command}" "$@"\n`,
    sudo: '#!/bin/sh\nexec "$@"\n',
    ssh: '#!/bin/sh\nUNIT_HOST=$1; export UNIT_HOST; shift; exec "$@"\n',
    scp: '#!/bin/sh\ntest -r "$1"\n',
    systemctl: `#!/bin/sh\nexec "${node}" "${join(directory, "systemctl.mjs")}" "$@"\n`,
  };
  for (const [name, script] of Object.entries(shims)) {
    writeFileSync(join(directory, name), script);
    chmodSync(join(directory, name), 0o755);
  }
  const call = [
    "const [verb] = process.argv.slice(2);",
    "const { CONTROL_URL, UNIT_HOST = '' } = process.env;",
    'const url = CONTROL_URL + "/" + verb + "/" + UNIT_HOST;',
    'const answer = await fetch(url, { method: "POST" });',
    "if (!answer.ok) { console.error(await answer.text()); process.exitCode = 1; }",
  ];
  writeFileSync(join(directory, "systemctl.mjs"), call.join("\n"));
}

interface Unit {
  start(): Promise<void>;
  said(): string;
  stop(signal: NodeJS.Signals): Promise<void>;
}

/** The server as a real process, which is started with what the settings say at that moment. */
function createUnit(command: string, read: () => Readonly<Record<string, string>>): Unit {
  let child: ChildProcess | null = null;
  let output = "";
  return {
    said: () => output,
    start: async () => {
      const started = spawn(process.execPath, [command, "start"], {
        env: { NODE_ENV: "production", PATH: process.env.PATH, ...read() },
        stdio: ["ignore", "pipe", "pipe"],
      });
      child = started;
      output = "";
      await new Promise<void>((resolve, reject) => {
        const hear = (chunk: Buffer): void => {
          output += chunk.toString("utf8");
          if (output.includes("Reprise is running at")) resolve();
        };
        started.stdout.on("data", hear);
        started.stderr.on("data", hear);
        started.once("error", reject);
        started.once("close", () => reject(new Error(`the server ended:\n${output}`)));
      });
    },
    stop: async (signal) => {
      const stopped = child;
      child = null;
      if (stopped === null || stopped.exitCode !== null) return;
      const ended = new Promise((resolve) => stopped.once("close", resolve));
      stopped.kill(signal);
      await ended;
    },
  };
}

function createControl(units: Readonly<Record<string, Unit>>): Server {
  return createServer(async (request, response) => {
    try {
      const [, verb, host = ""] = request.url?.split("/") ?? [];
      const unit = units[host];
      if (unit === undefined) throw new Error(`there is no machine ${host}`);
      if (verb === "stop" || verb === "restart") await unit.stop("SIGTERM");
      if (verb === "start" || verb === "restart") await unit.start();
      response.end();
    } catch (error) {
      response.writeHead(500).end(error instanceof Error ? error.message : String(error));
    }
  });
}

/** An app with a workflow at /order and a destination of messages at /hook. */
function createApp(app: RunbookWorld["app"], server: () => string): Server {
  return createServer(async (request, response) => {
    await text(request);
    app.deliveries++;
    response.setHeader("Upstash-Workflow-Sdk-Version", "1");
    response.setHeader("Upstash-Workflow-Sdk", "v1.3.3");
    if (app.mode === "broken") return void response.writeHead(503).end("warehouse is closed");
    const runId = request.headers["upstash-workflow-runid"];
    if (app.mode === "healed" && runId !== undefined) {
      const headers = { authorization: `Bearer ${token}` };
      const path = `/v2/workflows/runs/${String(runId)}?cancel=false`;
      await fetch(server() + path, { method: "DELETE", headers });
    }
    response.end("{}");
  });
}

interface Listening {
  readonly port: number;
  close(): Promise<void>;
}

async function listen(server: Server): Promise<Listening> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { port, close };
}

/** Asks until the answer is not null. */
export async function until<T>(what: string, ask: () => Promise<T | null>): Promise<T> {
  const deadlineAt = Date.now() + 60_000;
  while (Date.now() < deadlineAt) {
    const answer = await ask();
    if (answer !== null) return answer;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`waited in vain for ${what}`);
}
