import { QstashError } from "../errors.ts";
import type { Receipt } from "../workflow/carrier.ts";
import type { ModelServer } from "./model-server.ts";
import type { Message } from "./rows.ts";
import { type Line, takeLines } from "./submissions.ts";

/** An invocation of the app: the message that it holds changes while it goes on. */
export interface Invocation {
  /** Null for a request that is no delivery. */
  message: Message | null;
  hasSubmitted: boolean;
}

/** Lines of this very SDK. */
export function parseLines(lines: readonly string[]): readonly Line[] {
  // `toLines` has written them.
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Line);
}

/** Records results of an invocation, which holds the next message if it is its turn. */
export function goOn(lines: readonly Line[], invocation: Invocation, server: ModelServer): Receipt {
  const { message } = invocation;
  if (message === null) throw new QstashError("nothing is held here", 400);
  const taken = takeLines(lines, message, server);
  if (taken.type === "ended") throw new QstashError("the run has ended", 400);
  const { next } = taken;
  if (next === null || next.dueAt > server.now || message.state !== "active") {
    invocation.hasSubmitted = true;
    return { type: "done" };
  }
  server.done(message);
  server.hold(next);
  invocation.message = next;
  invocation.hasSubmitted = false;
  return { type: "held", retries: next.retries };
}
