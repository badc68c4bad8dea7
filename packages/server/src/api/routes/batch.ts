import {
  asSubmissionError,
  BATCH_ITEMS_MAX,
  checkHeaders,
  type FlatHeaders,
  flatHeadersFromRecord,
  HEADER,
  isJsonObject,
  isRepriseError,
  messageId,
  parseDestination,
  parseJson,
  RepriseError,
} from "@reprise/protocol";
import { Hono } from "hono";
import type { Answers, StartRun, SubmitStep } from "../../core/commands.ts";
import { callerIp, readBody } from "../request.ts";
import type { ApiEnv, ApiRoom } from "../room.ts";
import { readOptions, type Submission, toStartRun, toSubmitStep } from "../workflow-message.ts";
import { notOfferedStep } from "./steps-to-come.ts";

/** `POST /v2/batch`: how the SDK starts runs and submits steps. All items are executed as one. */
export function batchRoutes(room: ApiRoom): Hono<ApiEnv> {
  return new Hono<ApiEnv>().post("/v2/batch", async (c) => {
    const body = await readBody(c.req.raw, room.settings.batchBytesMax);
    const ip = callerIp(c.req.raw, c.env, room.settings);
    const values = parseList(body);
    try {
      const items = values.map((value, index) => inItem(index, () => parseItem(value)));
      const commands = planGroups(items.map((item, index) => toCommand(item, index, ip, room)));
      const answers = await room.engine.execute(commands);
      return c.json(answers.map(toItemAnswer));
    } catch (error) {
      throw values.some(isSubmission) ? asSubmissionError(error) : error;
    }
  });
}

interface Item {
  readonly destination: string;
  readonly headers: FlatHeaders;
  readonly body: Uint8Array;
}

const encoder = new TextEncoder();

/** Whether an item comes from a running workflow. Asked of what could not be read as well: it decides how a fault is answered. */
function isSubmission(value: unknown): boolean {
  if (!isJsonObject(value) || !isJsonObject(value.headers)) return false;
  return Object.entries(value.headers).some(
    ([name, text]) => name.toLowerCase() === HEADER.workflowInit && isFalse(String(text)),
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
  if (list.length === 0 || list.length > BATCH_ITEMS_MAX) {
    throw new RepriseError("invalid_request", {
      message: `a batch must have 1 to ${BATCH_ITEMS_MAX} items, got ${list.length}`,
    });
  }
  return list;
}

/** Reads one `{destination, headers, body}`. */
export function parseItem(value: unknown): Item {
  if (!isJsonObject(value)) throw invalidItem("must be an object");
  const { destination, headers, body } = value;
  if (typeof destination !== "string") throw invalidItem("destination must be a text");
  if (headers !== undefined && headers !== null && !isJsonObject(headers)) {
    throw invalidItem("headers must be an object");
  }
  if (body !== undefined && body !== null && typeof body !== "string") {
    throw invalidItem("body must be a text");
  }
  const set = flatHeadersFromRecord(headers ?? {});
  checkHeaders(set);
  return { destination, headers: set, body: encoder.encode(body ?? "") };
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

function toCommand(item: Item, index: number, ip: string, room: ApiRoom): StartRun | SubmitStep {
  return inItem(index, () => {
    const destination = parseDestination(item.destination);
    if (destination.kind !== "url") throw notOffered("messages to URL groups");
    const submission = {
      url: destination.url,
      headers: item.headers,
      body: item.body,
      callerIp: ip,
    };
    return toWorkflowCommand(submission, room);
  });
}

/** A message that starts a run or submits to one. */
export function toWorkflowCommand(submission: Submission, room: ApiRoom): StartRun | SubmitStep {
  const options = readOptions(submission.headers, room);
  // Its body is an envelope: started like any other run, the child would get that as its payload and the parent no answer.
  if (options.workflow.isInvoke) throw notOfferedStep("steps that invoke other workflows");
  switch (options.workflow.isInit) {
    case true:
      return toStartRun(submission, options, room);
    case false:
      return toSubmitStep(submission, options, room);
    case null:
      throw notOffered("plain messages");
  }
}

function notOffered(what: string): RepriseError {
  return new RepriseError("invalid_request", {
    message: `this version does not offer ${what}; send the headers of a workflow message`,
  });
}

/** Plans of one group come in one batch: the step behind the group follows the last of them. */
export function planGroups(
  commands: readonly (StartRun | SubmitStep)[],
): readonly (StartRun | SubmitStep)[] {
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
