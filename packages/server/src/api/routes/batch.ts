import {
  asSubmissionError,
  checkHeaders,
  type Destination,
  type FlatHeaders,
  flatHeadersFromRecord,
  HEADER,
  isJsonObject,
  isName,
  isRepriseError,
  mergeHeaders,
  messageId,
  parseDestination,
  parseJson,
  quoted,
  RepriseError,
} from "@reprise/protocol";
import { Hono } from "hono";
import type {
  Answers,
  Command,
  InvokeRun,
  PublishMessage,
  RegisterCall,
  StartRun,
  SubmitStep,
} from "../../core/commands.ts";
import { urlGroupNotFound } from "../../core/publish.ts";
import type { UrlGroupRow } from "../../core/rows.ts";
import { toPublish, toPublishAnswer, withDefaults } from "../publish-message.ts";
import { checkQueueQuota } from "../quotas.ts";
import { callerIp, messageTooLarge, readBody } from "../request.ts";
import type { ApiEnv, ApiRoom } from "../room.ts";
import { toInvokeRun, toRegisterCall } from "../wait-message.ts";
import { readOptions, type Submission, toStartRun, toSubmitStep } from "../workflow-message.ts";
import { invalidQueueName } from "./queue-name.ts";

/**
 * `POST /v2/batch`: many messages in one request, and how the SDK starts runs and submits steps. Everything is checked first, and
 * one fault refuses the whole; what is accepted is executed as one.
 */
export function batchRoutes(room: ApiRoom): Hono<ApiEnv> {
  return new Hono<ApiEnv>().post("/v2/batch", async (c) => {
    const body = await readBody(c.req.raw, room.settings.batchBytesMax);
    const ip = callerIp(c.req.raw, c.env, room.settings);
    const values = parseList(body);
    try {
      checkCount(values, room.settings.batchItemsMax);
      const items = values.map((value, index) => inItem(index, () => parseItem(value)));
      const groups = await findGroups(items, room);
      const commands = items.map((item, index) =>
        inItem(index, () => toCommand(item, { ip, groups }, room)),
      );
      return c.json(await execute(commands, room));
    } catch (error) {
      throw values.some(isSubmission) ? asSubmissionError(error) : error;
    }
  });
}

type WorkflowCommand = StartRun | SubmitStep | RegisterCall | InvokeRun;
type ItemCommand = WorkflowCommand | PublishMessage;

/** An item whose URL group does not exist fails alone; all others are executed as one. */
async function execute(
  commands: readonly (ItemCommand | RepriseError)[],
  room: ApiRoom,
): Promise<readonly unknown[]> {
  const valid = commands.filter(
    (command): command is ItemCommand => !(command instanceof RepriseError),
  );
  const names = valid.map((command) =>
    command.type === "publish" ? command.envelope.queueName : undefined,
  );
  await checkQueueQuota(names, room);
  const answers = valid.length === 0 ? [] : await room.engine.execute(planGroups(valid));
  let next = 0;
  return commands.map((command) => {
    if (command instanceof RepriseError) return { error: command.message };
    const answer = answers[next++];
    if (answer === undefined)
      throw new RepriseError("internal", { message: "an item got no answer" });
    return "messages" in answer ? toPublishAnswer(answer) : toItemAnswer(answer);
  });
}

interface Item {
  readonly destination: Destination;
  readonly headers: FlatHeaders;
  readonly body: Uint8Array;
  readonly queueName: string | null;
}

/** The URL groups that the items name, as they are now. */
async function findGroups(
  items: readonly Item[],
  room: ApiRoom,
): Promise<ReadonlyMap<string, UrlGroupRow>> {
  const names = new Set<string>();
  for (const { destination } of items) {
    if (destination.kind === "urlGroup") names.add(destination.name);
  }
  if (names.size === 0) return new Map();
  const values = Array.from(names, (name) => [name]);
  const groups = await room.store.find("urlGroups", "byName", values);
  return new Map(groups.map((group) => [group.name, group]));
}

const encoder = new TextEncoder();

/** Whether an item comes from a running workflow. Asked of what could not be read as well: it decides how a fault is answered. */
function isSubmission(value: unknown): boolean {
  if (!isJsonObject(value) || !isJsonObject(value.headers)) return false;
  return Object.entries(value.headers).some(([name, text]) =>
    isSubmissionHeader(name.toLowerCase(), String(text)),
  );
}

/** What a run submits belongs to it, or starts another one in its name. */
export function isSubmissionHeader(name: string, text: string | null | undefined): boolean {
  if (text === null || text === undefined) return false;
  if (name === HEADER.workflowInit) return isFalse(text);
  return name === HEADER.workflowInvoke && text.toLowerCase() === "true";
}

/** Whether a message starts a run, or belongs to one. */
export function isWorkflowMessage({ headers }: { readonly headers: FlatHeaders }): boolean {
  return HEADER.workflowInit in headers || HEADER.workflowInvoke in headers;
}

/** Whether a request comes from a running workflow: it decides how a fault is answered. */
export function isSubmissionRequest({ headers }: Request): boolean {
  return [HEADER.workflowInit, HEADER.workflowInvoke].some((name) =>
    isSubmissionHeader(name, headers.get(name)),
  );
}

/** One client writes `False`. */
export function isFalse(text: string | undefined): boolean {
  return text?.toLowerCase() === "false";
}

function parseList(bytes: Uint8Array): readonly unknown[] {
  const list = parseJson(bytes, "the body");
  if (!Array.isArray(list)) {
    throw new RepriseError("invalid_json", {
      message: "the body must be a JSON array of messages",
    });
  }
  return list;
}

function checkCount({ length }: readonly unknown[], itemsMax: number): void {
  if (length >= 1 && length <= itemsMax) return;
  throw new RepriseError("invalid_request", {
    message: `a batch must have 1 to ${itemsMax} items, got ${length}`,
  });
}

/** Reads one `{destination, headers, body}`. */
export function parseItem(value: unknown): Item {
  if (!isJsonObject(value)) throw invalidItem("must be an object");
  const { destination, headers, body, queue } = value;
  if (typeof destination !== "string") throw invalidItem("destination must be a text");
  if (headers !== undefined && headers !== null && !isJsonObject(headers)) {
    throw invalidItem("headers must be an object");
  }
  if (body !== undefined && body !== null && typeof body !== "string") {
    throw invalidItem("body must be a text");
  }
  if (queue !== undefined && queue !== null && typeof queue !== "string") {
    throw invalidItem("queue must be a text");
  }
  if (typeof queue === "string" && !isName(queue)) throw invalidQueueName(queue);
  const set = flatHeadersFromRecord(headers ?? {});
  checkHeaders(set);
  const parsed = parseDestination(destination);
  return {
    destination: parsed,
    headers: mergeHeaders(parsed.config.headers, set),
    body: encoder.encode(body ?? ""),
    queueName: queue ?? null,
  };
}

function invalidItem(fault: string): RepriseError {
  return new RepriseError("invalid_request", { message: fault });
}

/** Runs `read` and lets its refusal say which item it was. */
export function inItem<R>(index: number, read: () => R): R {
  try {
    return read();
  } catch (error) {
    if (!isRepriseError(error)) throw error;
    const { code, message, details } = error;
    throw new RepriseError(code, { message: `item ${index}: ${message}`, details, cause: error });
  }
}

interface Batch {
  readonly ip: string;
  readonly groups: ReadonlyMap<string, UrlGroupRow>;
}

function toCommand(item: Item, batch: Batch, room: ApiRoom): ItemCommand | RepriseError {
  const { destination, body, queueName } = item;
  const { bodyBytesMax } = room.settings;
  if (body.byteLength > bodyBytesMax) throw messageTooLarge(bodyBytesMax);
  // Nobody looks at the error of a single item that belongs to a run: its refusal refuses the whole.
  if (isWorkflowMessage(item)) {
    const url = toUrl(destination);
    return toWorkflowCommand({ url, headers: item.headers, body, callerIp: batch.ip }, room);
  }
  const group = destination.kind === "url" ? null : batch.groups.get(destination.name);
  if (destination.kind === "urlGroup" && group === undefined) {
    return urlGroupNotFound(destination.name);
  }
  const headers = withDefaults(group ?? null, item.headers);
  if (HEADER.cron in headers) {
    throw new RepriseError("invalid_header", {
      message: "Upstash-Cron is not allowed in a batch; POST /v2/schedules/{destination} takes it",
      details: { header: "Upstash-Cron" },
    });
  }
  return toPublish({ destination, headers, body, callerIp: batch.ip, queueName }, room);
}

/** The URL of a message that only one endpoint can get. */
export function toUrl(destination: Destination): string {
  if (destination.kind === "url") return destination.url;
  throw new RepriseError("invalid_destination", {
    message: `invalid destination url: endpoint has invalid scheme, add http:// or https:// (got ${quoted(destination.name)})`,
  });
}

/** A message that starts a run or submits to one. */
export function toWorkflowCommand(submission: Submission, room: ApiRoom): WorkflowCommand {
  const options = readOptions(submission.headers, room);
  const { isInit, isInvoke, callType } = options.workflow;
  if (isInvoke) return toInvokeRun(submission, options, room);
  switch (isInit) {
    case true:
      return toStartRun(submission, options, room);
    case false:
      return callType === "toCallback"
        ? toRegisterCall(submission, options, room)
        : toSubmitStep(submission, options, room);
    case null:
      throw new RepriseError("invalid_header", {
        message: "Upstash-Workflow-Init must be true or false on a message of a workflow",
      });
  }
}

/** Plans of one group come in one batch: the step behind the group follows the last of them. */
export function planGroups<C extends Command>(commands: readonly C[]): readonly C[] {
  let last = 0;
  for (const command of commands) {
    if (command.type === "submitStep" && command.facts.isPlan)
      last = Math.max(last, command.facts.stepId);
  }
  if (last === 0) return commands;
  return commands.map((command) =>
    command.type === "submitStep" && command.facts.isPlan
      ? { ...command, groupNextStepId: last + 1 }
      : command,
  );
}

/** The answer to one message, in its place. */
export function toItemAnswer(answer: Answers["startRun" | "submitStep"]) {
  return {
    messageId: messageId(answer.messageKey),
    ...(answer.deduplicated ? { deduplicated: true } : {}),
    ...("workflowRunId" in answer
      ? { workflowRunId: answer.workflowRunId, workflowCreatedAt: answer.workflowCreatedAt }
      : {}),
  };
}
