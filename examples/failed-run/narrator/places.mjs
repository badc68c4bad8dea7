// Where the server, the app and their data are.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { cleanEnvironment, isPortFree, killProcess, startProcess } from "./processes.mjs";
import { say } from "./voice.mjs";

const readyMsMax = 30_000;
const readyPattern = /running at (http:\S+)\s/i;
const here = dirname(dirname(fileURLToPath(import.meta.url)));
const root = join(here, "..", "..");

/** Starts the server and the app. With `isOnce` nothing stays behind: free ports, and data that goes with us. */
export async function startPlaces(isOnce) {
  const serverPort = isOnce ? "0" : await choosePort(8080, "server");
  const appPort = isOnce ? "0" : await choosePort(3000, "app");
  // Who holds the usual port may hold the usual directory too.
  const dataDir =
    serverPort === "0" ? makePassingDirectory() : join(root, ".reprise", "failed-run");
  mkdirSync(dataDir, { recursive: true });

  const server = await startServer(dataDir, serverPort);
  const settings = readSettings(server.output());
  say(`Reprise is running at ${server.url}; its data is in ${shorten(join(dataDir, "server"))}.`);
  const app = await startProcess({
    name: "the order app",
    args: [join(here, "app.ts")],
    env: cleanEnvironment({ ...settings, PORT: appPort }),
    logPath: join(dataDir, "app.log"),
    readyPattern,
    readyMsMax,
  });
  say(`The order app is running at ${app.url}, on the unmodified official SDK.`);
  return {
    dataDir,
    server,
    serverUrl: server.url,
    appUrl: app.url,
    token: settings.QSTASH_TOKEN,
    serverLog: shorten(server.logPath),
    appLog: shorten(app.logPath),
  };
}

async function choosePort(port, name) {
  if (await isPortFree(port)) return String(port);
  say(`Port ${port} is taken, so the ${name} takes another one.`);
  return "0";
}

function makePassingDirectory() {
  const directory = mkdtempSync(join(tmpdir(), "reprise-failed-run-"));
  process.once("exit", () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function startServer(dataDir, port) {
  const command = [join(root, "packages", "cli", "dist", "main.js"), "dev", "--port", port];
  return startProcess({
    name: "the server",
    args: [...command, "--data", join(dataDir, "server")],
    env: cleanEnvironment(),
    logPath: join(dataDir, "server.log"),
    readyPattern,
    readyMsMax,
  });
}

/** Kills the server without a warning, and starts it again on the same data and the same port. */
export async function crashServer({ dataDir, server, serverUrl }) {
  await killProcess(server);
  say("The server was killed (SIGKILL). Starting it again on the same data ...");
  await startServer(dataDir, new URL(serverUrl).port);
}

/** The lines `QSTASH_...=...` that the server prints for its apps. */
function readSettings(output) {
  const lines = [...output.matchAll(/^(QSTASH_\w+)=(\S+)$/gm)];
  return Object.fromEntries(lines.map(([, name, value]) => [name, value]));
}

function shorten(path) {
  const short = relative(process.cwd(), path);
  return short.startsWith("..") ? path : short;
}
