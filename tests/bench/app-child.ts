import { subscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import { type App, Load } from "./load.ts";
import { answerParent, type Report } from "./measured-process.ts";
import { startOfficialApp } from "./official-app.ts";
import { startRawApp } from "./raw-app.ts";
import { SDK_MODES, startSdkApp } from "./sdk-app.ts";

/** What an app is made of. */
export const APP_KINDS = ["raw", "official", ...SDK_MODES] as const;
export type AppKind = (typeof APP_KINDS)[number];

/** What the parent wants of an app. */
export type AppQuestion =
  /** Keep that many runs going, and say so when they have been for a while. */
  | { readonly type: "load"; readonly concurrency: number; readonly settleMs: number }
  /** Take the time of every step. */
  | { readonly type: "record"; readonly ms: number }
  /** Let the runs end. */
  | { readonly type: "rest" }
  /** Do that many runs, and tell how long it took. */
  | { readonly type: "runs"; readonly count: number; readonly concurrency: number };

/** The measured process that holds an app, and the load that drives it. */
export async function serveApp([
  kind,
  url = "",
  token = "",
  steps,
]: readonly string[]): Promise<void> {
  const sockets = watchSockets();
  const server = { url, token };
  const app = await startApp(readKind(kind), { server, stepsPerRun: Number(steps) });
  const load = new Load(app);

  async function answer(question: AppQuestion): Promise<Report> {
    switch (question.type) {
      case "load":
        load.start(question.concurrency);
        await pause(question.settleMs);
        return { type: "done" };
      case "record":
        return { type: "sample", ...(await load.record(() => pause(question.ms))) };
      case "rest":
        await load.stop();
        return { type: "done" };
      case "runs": {
        const startedAt = performance.now();
        const bytesBefore = sockets.bytes();
        await load.finish(question);
        const ms = performance.now() - startedAt;
        return { type: "runs", ms, bytes: sockets.bytes() - bytesBefore };
      }
    }
  }

  answerParent(server, { close: () => app.close(), answer });
}

function readKind(text: string | undefined): AppKind {
  const kind = APP_KINDS.find((known) => known === text);
  if (kind === undefined) throw new Error(`there is no app ${text}`);
  return kind;
}

function startApp(
  kind: AppKind,
  options: {
    readonly server: { readonly url: string; readonly token: string };
    readonly stepsPerRun: number;
  },
): Promise<App> {
  switch (kind) {
    case "raw":
      return startRawApp(options.server);
    case "official":
      return startOfficialApp(options);
    default:
      return startSdkApp(kind, options);
  }
}

/** Counts what goes through the sockets of this process, whoever has opened them. */
function watchSockets(): { readonly bytes: () => number } {
  const sockets = new Set<Socket>();
  let closedBytes = 0;
  const bytesOf = ({ bytesRead, bytesWritten }: Socket) => bytesRead + bytesWritten;
  const onSocket = (message: unknown) => {
    const { socket } = message as { readonly socket: Socket }; // Node documents it so.
    sockets.add(socket);
    socket.once("close", () => {
      sockets.delete(socket);
      closedBytes += bytesOf(socket);
    });
  };
  subscribe("net.client.socket", onSocket);
  subscribe("net.server.socket", onSocket);
  return { bytes: () => [...sockets].reduce((sum, socket) => sum + bytesOf(socket), closedBytes) };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
