// Following a log: asking again and again until a person ends it, also while the server is away.

import { setTimeout as pause } from "node:timers/promises";
import { type Api, connectApi } from "./api-client.ts";
import { isServerAway } from "./fault.ts";
import { note, type Terminal } from "./terminal.ts";

export interface Following {
  /** Gives up what it asks when the end comes. */
  readonly api: Api;
  readonly signal: AbortSignal;
}

/** Does `work` until it ends by itself or a signal ends it, which is no failure. */
export async function followUntilStopped(
  work: (following: Following) => Promise<void>,
  terminal: Terminal,
): Promise<void> {
  const controller = new AbortController();
  const ignoreSignals = terminal.onStopSignal(() => controller.abort());
  const { signal } = controller;
  const connected = connectApi(terminal);
  const api: Api = (request) => connected({ ...request, signal });
  try {
    await work({ api, signal });
  } catch (error) {
    // Whoever asked for the end got it; a request that it cut off is no failure.
    if (!signal.aborted) throw error;
  } finally {
    ignoreSignals();
  }
}

const POLL_MS = 500;

/** A server that needs long for its answers is asked less often: following takes this part of its time at most. */
const LOAD_MAX = 0.1;

/** Looks again and again until `look` says that there is nothing more to come. */
export async function lookAgain(
  look: () => Promise<"more" | "end">,
  { signal }: Following,
  terminal: Terminal,
): Promise<void> {
  let isAway = false;
  let tookMs = 0;
  while (!signal.aborted) {
    await pause(Math.max(POLL_MS, tookMs / LOAD_MAX), undefined, { signal });
    const startedAt = terminal.now();
    try {
      if ((await look()) === "end") return;
      isAway = false;
    } catch (error) {
      if (signal.aborted || !isServerAway(error)) throw error;
      if (!isAway) note(terminal, "the server does not answer; trying again until Ctrl-C ...");
      isAway = true;
    }
    tookMs = isAway ? 0 : terminal.now() - startedAt;
  }
}
