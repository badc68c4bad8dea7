import { RepriseError } from "@reprise/protocol";
import type { Answers, Command, Hold, SubmitStepAnswer } from "../core/commands.ts";
import { emptyMessageConfig, parseMessageConfig } from "../core/run-config.ts";
import type { Exchange } from "../engine/exchanges.ts";
import { type LinesSource, readLines } from "./read-lines.ts";
import type { ApiRoom } from "./room.ts";

/** What a running invocation submits while it goes on. See docs/fast-modes.md#continued. */

export interface LinesSubmission {
  readonly runId: string;
  /** The message that the invocation says it holds. */
  readonly messageKey: number;
  readonly leaseToken: number;
  readonly lines: Iterable<Uint8Array>;
  readonly callerIp: string;
  /** False when the next message is for somebody else. */
  readonly mayGoOn?: boolean;
}

export type LinesAnswer =
  | {
      readonly type: "held";
      readonly messageKey: number;
      readonly leaseToken: number;
      readonly retries: number;
    }
  | { readonly type: "stop"; readonly reason: string };

export type LinesRoom = Pick<ApiRoom, "engine" | "store" | "host" | "settings">;

/**
 * Executes the lines as one, and resolves after the commit.
 * @throws RepriseError when they are refused; then nothing has changed.
 */
export async function submitLines(
  submission: LinesSubmission,
  room: LinesRoom,
): Promise<LinesAnswer> {
  const { messageKey, leaseToken, mayGoOn = true } = submission;
  const hold = { messageKey, leaseToken };
  const exchange = holderOf(hold, submission, room);
  const source =
    exchange === null ? await storedSource(submission, room) : sourceOf(exchange, submission);
  const commands = readLines(submission.lines, source, room);
  const isHolding = exchange !== null && mayGoOn;
  const answers = await room.engine.execute(isHolding ? withHold(commands, hold) : commands);
  const last = answers.at(-1);
  if (last === undefined) {
    throw new RepriseError("invalid_step", { message: "a submission must have a line" });
  }
  if (!isStepAnswer(last)) return STOP.others;
  // Somebody else's result is recorded: this invocation works with one that the run does not have.
  if (answers.some((answer) => isStepAnswer(answer) && answer.differs === true))
    return STOP.recorded;
  const held = heldNow(last, hold, room);
  if (held !== null) return { type: "held", ...held };
  if (last.deduplicated) return STOP.recorded;
  if (!mayGoOn) return STOP.stopping;
  if (!isHolding || last.held !== undefined) return STOP.lost;
  return isSequential(commands) ? STOP.later : STOP.others;
}

function isSequential(commands: readonly Command[]): boolean {
  const [first] = commands;
  return commands.length === 1 && first?.type === "submitStep" && first.facts.concurrent === 1;
}

function isStepAnswer(answer: Answers[Command["type"]]): answer is SubmitStepAnswer {
  if (typeof answer !== "object" || answer === null) return false;
  return "deduplicated" in answer && "messageKey" in answer;
}

const STOP = {
  others: { type: "stop", reason: "other deliveries bring the run on" },
  recorded: { type: "stop", reason: "the step had been recorded already" },
  lost: { type: "stop", reason: "the invocation does not hold the message any more" },
  stopping: { type: "stop", reason: "the next delivery is for somebody else" },
  later: { type: "stop", reason: "the next delivery does not begin now" },
} as const;

/** The delivery in flight that speaks for the message, under the very lease that the app names. */
function holderOf(
  { messageKey, leaseToken }: Hold,
  { runId }: LinesSubmission,
  { engine }: LinesRoom,
): Exchange | null {
  const exchange = engine.exchangeOf(messageKey);
  if (exchange === null || exchange.message.leaseToken !== leaseToken) return null;
  const { delivery } = exchange;
  return delivery.kind === "run" && delivery.run.id === runId ? exchange : null;
}

function sourceOf({ delivery }: Exchange, { runId, callerIp }: LinesSubmission): LinesSource {
  if (delivery.kind === "plain") return { runId, runKey: null, own: emptyMessageConfig, callerIp };
  return { runId, runKey: delivery.run.key, own: delivery.own, callerIp };
}

/** Nobody in this process speaks for the message: what it had brought along stands in its record. */
async function storedSource(
  { runId, messageKey, callerIp }: LinesSubmission,
  { store }: LinesRoom,
): Promise<LinesSource> {
  const [step] = await store.get("steps", [messageKey]);
  const [message] = step === undefined ? await store.get("messages", [messageKey]) : [];
  const runKey = step?.runKey ?? message?.runKey ?? null;
  return {
    runId,
    runKey,
    own: parseMessageConfig(step?.config ?? message?.config ?? null),
    callerIp,
  };
}

/** Asks for the message of the last record, when it is the only one that is delivered. */
function withHold(commands: readonly Command[], hold: Hold): readonly Command[] {
  const last = commands.length - 1;
  const isAlone = commands.every(
    (command, index) =>
      command.type === "submitStep" &&
      (index === last ? !command.facts.isPlan : command.awaits !== undefined),
  );
  if (!isAlone) return commands;
  return commands.map((command, index) =>
    index === last ? { ...command, hold: { ...hold, recordsBefore: last } } : command,
  );
}

/**
 * What the invocation holds now. When the answer to a submission was lost and the app sends the same again, the invocation holds what
 * the first one gave it.
 */
function heldNow(
  { messageKey, held, deduplicated }: SubmitStepAnswer,
  before: Hold,
  { engine }: LinesRoom,
) {
  const exchange = engine.exchangeOf(messageKey);
  if (exchange === null) return null;
  const { leaseToken, retries } = exchange.message;
  const isSame =
    exchange.before?.messageKey === before.messageKey &&
    exchange.before.leaseToken === before.leaseToken;
  const isHeld = deduplicated ? isSame : held?.leaseToken === leaseToken;
  return isHeld ? { messageKey, leaseToken, retries } : null;
}
