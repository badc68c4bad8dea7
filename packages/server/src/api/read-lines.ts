import {
  asSubmissionError,
  flatHeadersFromRecord,
  HEADER,
  isJsonObject,
  isRepriseError,
  parseDurationMs,
  parseJson,
  RepriseError,
  type StepRecord,
  toStepRecord,
  WORKFLOW_PROTOCOL_VERSION,
} from "@reprise/protocol";
import type { Command, SubmitStep } from "../core/commands.ts";
import type { MessageConfig } from "../core/run-config.ts";
import { planSlot, resultSlot } from "../core/step.ts";
import { messageTooLarge } from "./request.ts";
import type { ReadingRoom } from "./room.ts";
import { parseItem, planGroups, toUrl } from "./routes/batch.ts";
import { toEventId } from "./routes/waits.ts";
import { toInvokeRun, toRegisterCall, toRegisterWait } from "./wait-message.ts";
import { readOptions, toFacts } from "./workflow-message.ts";

/** What an invocation submits as lines, read into the commands of the public wire. See docs/fast-modes.md#lines. */

/** On whose behalf the lines come. */
export interface LinesSource {
  readonly runId: string;
  /** The run that is meant, when its id has been used again; null when nobody knows. */
  readonly runKey: number | null;
  /** What the message that is held has brought along. */
  readonly own: MessageConfig;
  readonly callerIp: string;
}

/** The plans and the results of a group of 1,000, and some more. */
export const LINES_MAX = 2_100;

const encoder = new TextEncoder();

/**
 * @throws RepriseError with a status of 412, which names the line, its fault and what is allowed.
 */
export function readLines(
  lines: Iterable<Uint8Array>,
  source: LinesSource,
  room: ReadingRoom,
): readonly Command[] {
  const messageConfig = stepConfig(source.own);
  const commands: Command[] = [];
  let number = 0;
  for (const line of lines) {
    number += 1;
    if (number > LINES_MAX) {
      throw new RepriseError("invalid_step", {
        message: `a submission must have at most ${LINES_MAX} lines`,
        details: { limit: LINES_MAX },
      });
    }
    try {
      commands.push(readLine(line, { ...source, messageConfig }, room));
    } catch (error) {
      throw inLine(number, error);
    }
  }
  if (commands.length === 1) return commands;
  return announce(planGroups(commands));
}

/** The lines of a body, without their ends and without empty ones. */
export function* linesOf(bytes: Uint8Array): Iterable<Uint8Array> {
  for (let start = 0; start < bytes.byteLength; ) {
    const found = bytes.indexOf(LINE_FEED, start);
    const end = found === -1 ? bytes.byteLength : found;
    if (end > start) yield bytes.subarray(start, end);
    start = end + 1;
  }
}

const LINE_FEED = 0x0a;

function inLine(number: number, error: unknown): unknown {
  if (!isRepriseError(error)) return error;
  const { code, message, details } = error;
  const options = { message: `line ${number}: ${message}`, details, cause: error };
  return asSubmissionError(new RepriseError(code, options));
}

/** What an item of a batch would bring along: the version of its SDK, and how many runs stand above this one. */
function stepConfig({ forward }: MessageConfig): MessageConfig {
  const depth = forward[HEADER.workflowInvokeCount];
  if (depth === undefined) return PLAIN_STEP;
  return { forward: { ...PLAIN_STEP.forward, [HEADER.workflowInvokeCount]: depth } };
}

const PLAIN_STEP: MessageConfig = {
  forward: { [HEADER.workflowSdkVersion]: WORKFLOW_PROTOCOL_VERSION },
};

interface LineSource extends LinesSource {
  readonly messageConfig: MessageConfig;
}

function readLine(line: Uint8Array, source: LineSource, room: ReadingRoom): Command {
  if (line.byteLength > room.settings.bodyBytesMax)
    throw messageTooLarge(room.settings.bodyBytesMax);
  const value = parseJson(line, "a line");
  if (!isJsonObject(value)) throw invalidLine("must be a JSON object");
  if ("stepId" in value) return readRecord(line, value, source, room);
  const { call, wait, invoke, finish, cancel } = value;
  if (call !== undefined) return ofRun(readCall(call, source, room), source);
  if (wait !== undefined) return ofRun(readWait(wait, room), source);
  if (invoke !== undefined) return ofRun(readInvoke(invoke, source, room), source);
  const { runId, runKey } = source;
  const meant = runKey === null ? { runId } : { runId, runKey };
  if (finish !== undefined) return { type: "finishRun", ...meant, response: readResponse(finish) };
  if (cancel !== undefined) return { type: "cancelRun", ...meant };
  throw invalidLine("must be a step record, or have one of call, wait, invoke, finish, cancel");
}

function readRecord(
  line: Uint8Array,
  value: Readonly<Record<string, unknown>>,
  { runId, runKey, messageConfig }: LineSource,
  room: ReadingRoom,
): SubmitStep {
  const record = toStepRecord(value);
  return {
    type: "submitStep",
    runId,
    ...(runKey === null ? {} : { runKey }),
    facts: toFacts(record),
    groupNextStepId: null,
    body: line,
    messageConfig,
    dueAt: dueAtOf(record, room),
  };
}

/** A sleep is delivered when it is over: a sequential one by its record, one within a group by its plan. */
function dueAtOf(record: StepRecord, { host, settings }: ReadingRoom): number {
  const now = host.now();
  const isResultInGroup = record.stepId !== 0 && record.concurrent > 1;
  if (isResultInGroup) return now;
  const { sleepFor, sleepUntil, stepType } = record;
  if (stepType === "SleepFor" && sleepFor !== null) {
    const delayMs = parseDurationMs(String(sleepFor), "sleepFor");
    return now + checkedDelay(delayMs, settings.delayMsMax);
  }
  if (stepType !== "SleepUntil" || sleepUntil === null) return now;
  return Math.max(now, now + checkedDelay(sleepUntil * 1000 - now, settings.delayMsMax));
}

function checkedDelay(delayMs: number, limitMs: number): number {
  if (Number.isFinite(delayMs) && delayMs <= limitMs) return Math.round(delayMs);
  throw new RepriseError("quota_exceeded", {
    message: `quota maxDelay exceeded: a sleep may last ${limitMs} ms at the most, got ${delayMs}`,
    details: { quota: "maxDelay", limitMs },
  });
}

function readCall(call: unknown, { callerIp }: LineSource, room: ReadingRoom) {
  const { destination, headers, body } = parseItem(call);
  const submission = { url: toUrl(destination), headers, body, callerIp };
  return toRegisterCall(submission, readOptions(headers, room), room);
}

function readWait(wait: unknown, room: ReadingRoom) {
  const { eventId, headers, body } = asObject(wait, "wait");
  if (typeof eventId !== "string" || eventId === "") {
    throw invalidLine("eventId of a wait must be a text that is not empty");
  }
  toEventId(eventId);
  const set = flatHeadersFromRecord(asObject(headers ?? {}, "headers of a wait"));
  return toRegisterWait({ eventId, headers: set, body: asBytes(body, "body of a wait") }, room);
}

function readInvoke(invoke: unknown, { callerIp }: LineSource, room: ReadingRoom) {
  const { body, ...rest } = asObject(invoke, "invoke");
  const { destination, headers } = parseItem(rest);
  const submission = {
    url: toUrl(destination),
    headers,
    body: asBytes(body, "body of an invoke"),
    callerIp,
  };
  return toInvokeRun(submission, readOptions(headers, room), room);
}

function readResponse(finish: unknown): Uint8Array | null {
  const { response } = asObject(finish, "finish");
  if (response === undefined || response === null) return null;
  if (typeof response !== "string")
    throw invalidLine("response of finish must be a text or absent");
  return encoder.encode(response);
}

/** What names a run of its own must name the one that is meant. */
function ofRun<C extends Command & { readonly runId: string }>(
  command: C,
  { runId }: LineSource,
): C {
  if (command.runId === runId) return command;
  throw invalidLine(`belongs to the run ${command.runId}, and is submitted for ${runId}`);
}

function asObject(value: unknown, field: string): Readonly<Record<string, unknown>> {
  if (isJsonObject(value)) return value;
  throw invalidLine(`${field} must be an object`);
}

function asBytes(value: unknown, field: string): Uint8Array {
  return encoder.encode(JSON.stringify(asObject(value, field)));
}

function invalidLine(message: string): RepriseError {
  return new RepriseError("invalid_step", { message });
}

/**
 * Of records that come together only those are delivered that bring the run on: plans without a result, and the last record. The others
 * say which slot they count on; should it be taken already, they are delivered after all, so that a run always has something to
 * wake it.
 */
function announce(commands: readonly Command[]): readonly Command[] {
  const records = commands.filter((command) => command.type === "submitStep");
  const last = records.at(-1);
  if (last === undefined || records.length === 1) return commands;
  const planned = new Set<number>();
  const done = new Set<number>();
  for (const { facts } of records) (facts.isPlan ? planned : done).add(facts.stepId);
  const open = records.find(({ facts }) => facts.isPlan && !done.has(facts.stepId));
  const lastSlot = last.facts.isPlan ? planSlot(last.facts.stepId) : resultSlot(last.facts.stepId);
  const awaitedOf = (command: SubmitStep): number | null => {
    const { stepId, isPlan, concurrent } = command.facts;
    if (isPlan) return done.has(stepId) ? resultSlot(stepId) : null;
    if (concurrent > 1 && open !== undefined && planned.has(stepId)) {
      return resultSlot(open.facts.stepId);
    }
    return command === last || (concurrent > 1 && !planned.has(stepId)) ? null : lastSlot;
  };
  return commands.map((command) => {
    if (command.type !== "submitStep") return command;
    const awaits = awaitedOf(command);
    return awaits === null ? command : { ...command, awaits };
  });
}
