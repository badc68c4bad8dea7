import { messageKey } from "@reprise/protocol";
import type { StartRun } from "../core/commands.ts";
import type { Outcome } from "../core/outcome.ts";
import { newRun, openWorld, type World } from "../engine/engine.suite.ts";
import type { EngineLimits } from "../engine/engine-options.ts";
import { DEFAULT_LIMITS } from "../engine/limits.ts";
import type { Exchange } from "../engine/scripted-host.suite.ts";
import { createAnswerReader } from "./read-answer.ts";
import { linesOf } from "./read-lines.ts";
import type { ReadingRoom } from "./room.ts";
import { type LinesAnswer, submitLines } from "./submit-lines.ts";

/** An engine over a real store with a clock and a network of the test's, which reads answers and takes what goes on. */
export interface ScriptedWorld extends World {
  readonly start: (runId: string, own?: Partial<StartRun>) => Promise<Told>;
  /** The delivery that comes next. */
  readonly told: () => Promise<Told>;
  readonly proceed: (
    held: { readonly messageKey: number; readonly leaseToken: number },
    lines: readonly unknown[],
    runId?: string,
  ) => Promise<LinesAnswer>;
}

export interface Told {
  readonly exchange: Exchange;
  readonly runId: string;
  readonly messageKey: number;
  readonly leaseToken: number;
  readonly answer: (lines: readonly unknown[], status?: number, field?: string) => void;
}

export async function openScriptedWorld(own: Partial<EngineLimits> = {}): Promise<ScriptedWorld> {
  const settings: ReadingRoom["settings"] = {
    ...DEFAULT_LIMITS,
    isLoopbackOnly: false,
    trustedProxies: [],
    publicUrl: null,
    checkEgress: () => {},
  };
  const world = await openWorld(own, (host) => createAnswerReader({ host, settings }));
  const { host, store } = world;
  const room = { engine: world.engine, store, host, settings };
  const told = async () => toTold(await host.nextExchange());
  return {
    ...world,
    told,
    start: async (runId, more) => {
      await world.engine.execute([newRun(host, runId, more)]);
      return told();
    },
    proceed: (held, lines, runId = "wfr_a") =>
      submitLines({ runId, ...held, lines: linesOf(utf8(lines)), callerIp: "" }, room),
  };
}

function toTold(exchange: Exchange): Told {
  const { headers } = exchange.request;
  const offer = headers["reprise-delivery"] ?? "";
  return {
    exchange,
    runId: headers["upstash-workflow-runid"] ?? "",
    messageKey: messageKey(headers["upstash-message-id"] ?? "") ?? 0,
    leaseToken: Number(/hold=(\d+)/.exec(offer)?.[1]),
    answer: (lines, status, field) => exchange.answer(answerOf(lines, status, field)),
  };
}

export function answerOf(lines: readonly unknown[], status = 200, field = "v=1"): Outcome {
  return {
    type: "response",
    status,
    headers: { "upstash-workflow-sdk-version": ["1"], "reprise-answer": [field] },
    body: utf8(lines),
    isTruncated: false,
  };
}

function utf8(lines: readonly unknown[]): Uint8Array {
  return new TextEncoder().encode(lines.map((line) => JSON.stringify(line)).join("\n"));
}

export function stepResult(stepId: number) {
  return { stepId, stepName: "s", stepType: "Run", out: '"ok"', concurrent: 1 };
}
