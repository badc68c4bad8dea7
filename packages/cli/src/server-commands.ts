// `reprise dev` and `reprise start`: the server in the foreground, until a signal stops it.

import { resolve } from "node:path";
import { isRepriseError } from "@reprise/protocol";
import type { RunningServer, ServerConfig } from "@reprise/server";
import { type Command, InvalidArgumentError } from "commander";
import { EXIT_FAILED, failure, systemCode, usageFault } from "./fault.ts";
import { loadServer } from "./server-package.ts";
import { note, printLine, type Terminal } from "./terminal.ts";

interface DevOptions {
  readonly port: number;
  readonly host: string;
  readonly data: string;
  readonly verbose?: true;
}

export function addServerCommands(program: Command, terminal: Terminal): void {
  program
    .command("dev")
    .description("run a development server with the published token and signing keys")
    .option("--port <number>", "port to listen on; 0 picks a free one", parsePort, 8080)
    .option("--host <address>", "loopback address to listen on", "127.0.0.1")
    .option("--data <directory>", "where everything is kept", ".reprise/dev")
    .option("--verbose", "log what happens to standard error")
    .action((options: DevOptions) => runDev(options, terminal));
  program
    .command("start")
    .description("run a production server; settings come from REPRISE_* variables")
    .action(() => runStart(terminal));
}

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : -1;
  if (port >= 0 && port <= 65_535) return port;
  throw new InvalidArgumentError("It must be a whole number from 0 to 65535.");
}

async function runDev(options: DevOptions, terminal: Terminal): Promise<void> {
  if (terminal.env.NODE_ENV === "production") {
    throw usageFault(
      "dev uses a published token and must not serve production (NODE_ENV is production); use `reprise start`",
    );
  }
  const { devServerConfig } = await loadServer();
  const config = refuseAsUsage(() =>
    devServerConfig({
      host: options.host,
      port: options.port,
      dataDir: options.data,
      logLevel: options.verbose === true ? "debug" : "warn",
    }),
  );
  await serve(config, terminal, (server) => {
    note(terminal, `Data is kept in ${placeOf(config)}. Settings for your app:`);
    printSettings(server, terminal, true);
    note(terminal, `The dashboard is at ${server.url}/`);
    printLine(terminal, `Reprise (development) is running at ${server.url}`);
  });
}

async function runStart(terminal: Terminal): Promise<void> {
  const { parseServerConfig } = await loadServer();
  const config = refuseAsUsage(() => parseServerConfig(terminal.env));
  await serve(config, terminal, (server) => {
    note(terminal, `Data is kept in ${placeOf(config)}.`);
    switch (server.tokenSource) {
      case "given":
        note(terminal, "The token is the one in REPRISE_TOKEN.");
        noteKeys(server, terminal);
        break;
      case "made":
        note(terminal, "A token was made now. Keep it: this is the only time that it is shown.");
        printSettings(server, terminal, config.signingKeys === null);
        break;
      case "kept":
        note(terminal, "The token is the one that the first start has shown.");
        noteKeys(server, terminal);
        break;
    }
    note(terminal, `The dashboard is at ${server.url}/ and asks for the token.`);
    printLine(terminal, `Reprise is running at ${server.url}`);
  });
}

/** Where everything is kept, without the password. */
function placeOf({ databaseUrl, dataDir }: ServerConfig): string {
  if (databaseUrl === null) return resolve(dataDir);
  const { host, pathname } = new URL(databaseUrl);
  return `postgres://${host}${pathname}`;
}

function noteKeys(server: RunningServer, terminal: Terminal): void {
  note(terminal, `The signing keys are at ${server.url}/v2/keys, for holders of the token.`);
}

/** Prints what an app has to know, ready for a file of environment variables. */
function printSettings(server: RunningServer, terminal: Terminal, hasKeys: boolean): void {
  printLine(terminal, `QSTASH_URL=${server.url}`);
  printLine(terminal, `QSTASH_TOKEN=${server.token}`);
  if (!hasKeys) return;
  printLine(terminal, `QSTASH_CURRENT_SIGNING_KEY=${server.signingKeys.current}`);
  printLine(terminal, `QSTASH_NEXT_SIGNING_KEY=${server.signingKeys.next}`);
}

function refuseAsUsage(read: () => ServerConfig): ServerConfig {
  try {
    return read();
  } catch (error) {
    throw isRepriseError(error) ? usageFault(error.message) : error;
  }
}

/** Runs a server until a signal stops it. The first one lets deliveries in flight end, the second one does not wait. */
async function serve(
  config: ServerConfig,
  terminal: Terminal,
  announce: (server: RunningServer) => void,
): Promise<void> {
  const { describeConfig, startServer } = await loadServer();
  let countSignal = (_name: string): void => {};
  const firstSignal = new Promise<string>((resolveSignal) => {
    let count = 0;
    countSignal = (name) => {
      count++;
      if (count === 1) resolveSignal(name);
      else terminal.exit(EXIT_FAILED);
    };
  });
  const ignoreSignals = terminal.onStopSignal(countSignal);
  const stopping = new AbortController();
  void firstSignal.then(() => stopping.abort());
  try {
    const isDevelopment = config.mode === "development";
    const server = await startServer(config, {
      ...(isDevelopment ? {} : { shownSettings: describeConfig(terminal.env).settings }),
      stopSignal: stopping.signal,
      onBroken: (error) => {
        // Nothing that is answered after this would be durable, so even a drain is too long.
        note(terminal, `reprise: the storage failed, the server ends: ${error.message}`);
        terminal.exit(EXIT_FAILED);
      },
    });
    announce(server);
    const signal = await firstSignal;
    note(terminal, `${signal}: waiting for deliveries in flight; a second signal ends at once.`);
    endInTime(config, terminal);
    const { endedCount, handedBackCount, tookMs } = await server.stop();
    const seconds = (tookMs / 1000).toFixed(1);
    note(
      terminal,
      `Stopped within ${seconds} s: ${endedCount} deliveries in flight have ended, ${handedBackCount} were handed back.`,
    );
  } catch (error) {
    if (!stopping.signal.aborted || !isRepriseError(error) || error.code !== "shutting_down") {
      throw explainStartError(error, config);
    }
    note(terminal, "Stopped before the start was over.");
  } finally {
    ignoreSignals();
  }
}

/** What a stop takes beside the waits that are set: flushes, goodbyes, and requests under way. */
const STOP_MARGIN_MS = 15_000;

/** A storage that hangs must not keep the process: whoever supervises it would kill it, and nobody would know why. */
function endInTime({ preStopMs, drainMs }: ServerConfig, terminal: Terminal): void {
  const limitMs = preStopMs + drainMs + STOP_MARGIN_MS;
  const timer = setTimeout(() => {
    note(terminal, `The stop took longer than ${limitMs / 1000} s; what is left is given up.`);
    terminal.exit(EXIT_FAILED);
  }, limitMs);
  timer.unref();
}

function explainStartError(error: unknown, config: ServerConfig): unknown {
  const place = `${config.host}:${config.port}`;
  const code = systemCode(error);
  if (code === "EADDRINUSE")
    return failure(`address already in use: ${place}; choose another port`);
  if (code === "EACCES" || code === "EADDRNOTAVAIL" || code === "ENOTFOUND") {
    const message = error instanceof Error ? error.message : code;
    return failure(`cannot listen on ${place} or write to ${config.dataDir}: ${message}`);
  }
  return error;
}
