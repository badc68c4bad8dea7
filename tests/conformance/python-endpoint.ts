import { randomBytes } from "node:crypto";
import type { Handler, Received } from "./app.ts";
import {
  callHeaders,
  initHeaders,
  type PythonCallSettings,
  type PythonMessage,
  stepHeaders,
} from "./python-headers.ts";
import { dict, listOf, present, readBatch, readPublish, text, whole } from "./python-readers.ts";
import { dumps, JSON_TYPE, type PythonCall, python } from "./python-wire.ts";
import type { World } from "./world.ts";

/**
 * A workflow endpoint as the Python SDK makes it, for sequential steps. It reads as strictly as that does, and sends the
 * same requests; the user's functions are JavaScript.
 */

export interface PythonContext {
  readonly workflowRunId: string;
  readonly url: string;
  readonly requestPayload: unknown;
  readonly headers: Readonly<Record<string, string>>;
  readonly run: <T>(name: string, step: () => T | Promise<T>) => Promise<T>;
  /** Seconds, or a duration. */
  readonly sleep: (name: string, duration: number | string) => Promise<unknown>;
  /** Epoch seconds. */
  readonly sleepUntil: (name: string, instant: number) => Promise<unknown>;
  readonly call: (name: string, settings: PythonCallSettings) => Promise<PythonCallResponse>;
}

export interface PythonCallResponse {
  readonly status: number;
  readonly body: unknown;
  readonly header: Readonly<Record<string, unknown>>;
}

export interface PythonFailure {
  readonly context: Pick<PythonContext, "workflowRunId" | "url" | "requestPayload" | "headers">;
  readonly failStatus: number;
  readonly failResponse: string;
  readonly failHeaders: Readonly<Record<string, unknown>>;
}

export type PythonRoute = (context: PythonContext) => unknown;

export interface PythonOptions {
  /** 3 when not given, and sent in any case. */
  readonly retries?: number;
  readonly failureUrl?: string;
  readonly failureFunction?: (failure: PythonFailure) => unknown;
  /** Every answer of the server is lost once: the SDK's HTTP library sends each request twice. */
  readonly losesAnswers?: boolean;
}

/** Serves a workflow at `path` and gives its URL. */
export function servePython(
  world: World,
  path: string,
  route: PythonRoute,
  options: PythonOptions = {},
): string {
  return world.app.on(path, pythonWorkflow(world, route, options));
}

/** The handler of such an endpoint alone. */
export function pythonWorkflow(
  world: World,
  route: PythonRoute,
  options: PythonOptions = {},
): Handler {
  return async (_request, received) => {
    try {
      return await handle({ world, route, options, received });
    } catch (error) {
      // All errors are alike, refusals of the server among them; the answer does not say whose it is.
      const { name, message } = error instanceof Error ? error : new Error(String(error));
      return Response.json({ error: name, message }, { status: 500 });
    }
  };
}

/** One request to the endpoint, and what answers it. */
interface Handling {
  readonly world: World;
  readonly route: PythonRoute;
  readonly options: PythonOptions;
  readonly received: Received;
}

interface PythonStep {
  readonly id: number;
  readonly name: string;
  readonly type: string;
  readonly out: unknown;
}

async function handle(handling: Handling): Promise<Response> {
  const { headers, body, target } = handling.received;
  const version = headers["upstash-workflow-sdk-version"];
  if (version !== undefined && version !== "1") throw new Error(`protocol version ${version}`);
  const isFirst = version === undefined;
  const runId = isFirst ? newId() : (headers["upstash-workflow-runid"] ?? "");
  if (runId === "") throw new Error("the request has no run id");
  const { payload, steps } = isFirst ? { payload: body, steps: [] } : readSteps(body);
  if (headers["upstash-workflow-is-failure"] === "true") return handleFailure(handling, runId);

  const userHeaders = userHeadersOf(headers);
  const url = handling.world.app.url + target;
  const base = { workflowRunId: runId, url, headers: userHeaders };
  const seen = { ...base, requestPayload: loads(payload) };
  if (!(await reachesStep(handling, seen))) {
    return Response.json({ message: "not authenticated", workflowRunId: runId }, { status: 400 });
  }
  const message = { runId, url, userHeaders, ...configOf(handling, url) };
  if (headers["upstash-workflow-callback"] !== undefined) {
    await submitCallResult(handling, message, payload);
  } else if (isFirst) {
    await start(handling, message, seen.requestPayload);
  } else {
    await work(handling, message, { ...seen, ...stepsOf(handling, message, steps) });
  }
  return finish(runId);
}

const newId = (): string => `wfr_${randomBytes(16).toString("base64url").slice(0, 21)}`;

const finish = (workflowRunId: string): Response =>
  Response.json({ workflowRunId }, { headers: { "Upstash-Workflow-Sdk-Version": "1" } });

/** The failure function is reached through the workflow itself. */
function configOf(
  { options }: Handling,
  url: string,
): Pick<PythonMessage, "retries" | "failureUrl"> {
  const { retries = 3, failureUrl = null, failureFunction } = options;
  return { retries, failureUrl: failureFunction === undefined ? failureUrl : url };
}

/** The list of a delivery. It cannot be fetched, and every record must have a text as its result. */
function readSteps(body: string): {
  readonly payload: string;
  readonly steps: readonly PythonStep[];
} {
  if (body === "") throw new TypeError("the list of steps is empty");
  const [first, ...rest] = listOf(JSON.parse(body), dict);
  if (first === undefined) throw new RangeError("no initial payload");
  const steps = rest
    .filter((item) => text(item, "callType") === "step")
    .map((item) => readRecord(JSON.parse(decode(text(item, "body")))));
  if (new Set(steps.map(({ id }) => id)).size < steps.length) throw new Error("a step came twice");
  return { payload: decode(text(first, "body")), steps };
}

function readRecord(value: unknown): PythonStep {
  const record = dict(value);
  whole(record, "concurrent");
  const out = loads(text(record, "out"));
  return {
    ...{ id: whole(record, "stepId"), name: text(record, "stepName") },
    ...{ type: text(record, "stepType"), out },
  };
}

/** Bytes that are no UTF-8 raise. */
const decode = (base64: string): string =>
  new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(base64, "base64"));

/** JSON where it is, else the text; nothing is None. */
function loads(json: string): unknown {
  if (json === "") return null;
  try {
    return JSON.parse(json);
  } catch {
    return json; // No JSON: the user gets the text.
  }
}

/** Headers of the connection, old signatures and message ids are users' headers to this SDK. */
function userHeadersOf(
  headers: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const isOwn = (name: string) => /^(upstash-workflow-|x-vercel-|x-forwarded-|cf-|cdn-)/.test(name);
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !isOwn(name)));
}

/** Thrown by a step whose turn it is: the function is left, and run again with the step's result. */
class WorkflowAbort extends Error {}

/** Runs the function up to its first step, which is how an endpoint tells whether a request may do something. */
async function reachesStep(
  { route }: Handling,
  seen: Pick<PythonContext, "workflowRunId" | "url" | "requestPayload" | "headers">,
): Promise<boolean> {
  const step = () => Promise.reject(new WorkflowAbort());
  try {
    await route({ ...seen, run: step, sleep: step, sleepUntil: step, call: step });
    return false;
  } catch (error) {
    if (error instanceof WorkflowAbort) return true;
    throw error;
  }
}

type Steps = Pick<PythonContext, "run" | "sleep" | "sleepUntil" | "call">;

/** A message that a step makes. */
interface Item {
  readonly destination: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

function stepsOf(handling: Handling, message: PythonMessage, steps: readonly PythonStep[]): Steps {
  let count = 0;
  /** The recorded result of the next step, or its submission. */
  const step = async (
    name: string,
    type: string,
    make: (id: number) => Item | Promise<Item>,
  ): Promise<unknown> => {
    const done = steps[count];
    count += 1;
    if (done === undefined) {
      readBatch(await send(handling, toBatch(await make(count))));
      throw new WorkflowAbort();
    }
    if (done.name === name && done.type === type && done.id === count) return done.out;
    throw new Error(`step ${count} is ${type} ${name}, but ${done.type} ${done.name} was recorded`);
  };
  const toWorkflow = (
    record: Readonly<Record<string, unknown>>,
    headers: Readonly<Record<string, string>> = {},
  ): Item => ({
    destination: message.url,
    headers: { ...stepHeaders(message), ...headers },
    body: dumps({ ...EMPTY_RECORD, ...record }),
  });
  return {
    run: <T>(name: string, run: () => T | Promise<T>) =>
      step(name, "Run", async (stepId) => {
        const out = dumps((await run()) ?? null);
        return toWorkflow({ stepId, stepName: name, stepType: "Run", out });
        // What `step` gives was recorded by the same call of an earlier pass.
      }) as Promise<T>,
    sleep: (name, duration) =>
      step(name, "SleepFor", (stepId) => {
        const delay = typeof duration === "number" ? `${duration}s` : duration;
        const record = { stepId, stepName: name, stepType: "SleepFor", sleepFor: duration };
        return toWorkflow(record, { "Upstash-Delay": delay });
      }),
    sleepUntil: (name, instant) =>
      step(name, "SleepUntil", (stepId) => {
        const record = { stepId, stepName: name, stepType: "SleepUntil", sleepUntil: instant };
        return toWorkflow(record, { "Upstash-Not-Before": String(instant) });
      }),
    call: async (name, settings) => {
      const out = await step(name, "Call", (id) => ({
        destination: settings.url,
        headers: {
          ...callHeaders(message, { id, name }, settings),
          "Upstash-Method": settings.method ?? "GET",
        },
        body: dumps(settings.body ?? null),
      }));
      const response = dict(out);
      const body = text(response, "body");
      return {
        status: whole(response, "status"),
        body: body === "" ? "" : loads(body),
        header: dict(present(response, "header")),
      };
    },
  };
}

/** Every key that a record can have; what is not given is null, but the result is a text in any case. */
const EMPTY_RECORD = {
  ...{ stepId: null, stepName: null, stepType: null, out: "null", concurrent: 1 },
  ...{ sleepFor: null, sleepUntil: null, targetStep: null },
  ...{ callUrl: null, callMethod: null, callBody: null, callHeaders: null, method: "POST" },
};

function toBatch({ destination, headers, body }: Item): PythonCall {
  const item = {
    destination,
    headers: { "Upstash-Method": "POST", "Content-Type": "application/json", ...headers },
    body,
    queue: null,
  };
  return { method: "POST", path: "/v2/batch", headers: JSON_TYPE, body: dumps([item]) };
}

async function send({ world, options }: Handling, call: PythonCall): Promise<unknown> {
  if (options.losesAnswers === true) await python(world, call);
  return python(world, call);
}

/** The endpoint has been called by somebody who knows nothing of runs. */
async function start(handling: Handling, message: PythonMessage, payload: unknown): Promise<void> {
  const headers = { ...JSON_TYPE, "Upstash-Method": "POST", ...initHeaders(message) };
  await publish(handling, { url: message.url, headers, body: dumps(payload) });
}

async function publish(
  handling: Handling,
  message: { readonly url: string } & Required<Pick<PythonCall, "headers" | "body">>,
): Promise<void> {
  const { url, headers, body } = message;
  const answer = readPublish(
    await send(handling, { method: "POST", path: `/v2/publish/${url}`, headers, body }),
  );
  if (!("messageId" in answer)) throw new TypeError("a list for a URL");
}

async function work(
  handling: Handling,
  message: PythonMessage,
  context: PythonContext,
): Promise<void> {
  try {
    await handling.route(context);
  } catch (error) {
    if (error instanceof WorkflowAbort) return;
    throw error;
  }
  const path = `/v2/workflows/runs/${message.runId}?cancel=false`;
  await send(handling, { method: "DELETE", path, isParsed: false });
}

/** The answer of a third party becomes the result of its step; an answer that is not final is passed over. */
async function submitCallResult(
  handling: Handling,
  own: PythonMessage,
  body: string,
): Promise<void> {
  const answer = dict(JSON.parse(body));
  const status = whole(answer, "status");
  const isFinal = !answer.maxRetries || answer.retried === answer.maxRetries;
  if ((status < 200 || status > 299) && !isFinal) return;
  const { headers } = handling.received;
  const runId = text(headers, "upstash-workflow-runid");
  text(headers, "upstash-workflow-contenttype");
  const response = {
    status,
    body: answer.body ? decode(text(answer, "body")) : "",
    header: dict(present(answer, "header")),
  };
  const record = {
    stepId: Number(text(headers, "upstash-workflow-stepid")),
    stepName: text(headers, "upstash-workflow-stepname"),
    stepType: text(headers, "upstash-workflow-steptype"),
    out: dumps(response),
    concurrent: Number(text(headers, "upstash-workflow-concurrent")),
  };
  const sent = { ...JSON_TYPE, "Upstash-Method": "POST", ...stepHeaders({ ...own, runId }) };
  await publish(handling, { url: own.url, headers: sent, body: dumps(record) });
}

async function handleFailure(handling: Handling, ownRunId: string): Promise<Response> {
  const { failureFunction } = handling.options;
  if (failureFunction === undefined) throw new Error("there is no failure function");
  const failure = dict(JSON.parse(handling.received.body));
  const context = {
    workflowRunId: text(failure, "workflowRunId"),
    url: text(failure, "url"),
    requestPayload: loads(decode(text(failure, "sourceBody"))),
    headers: userHeadersOf(handling.received.headers),
  };
  const answer = loads(decode(text(failure, "body")));
  if (!(await reachesStep(handling, context))) throw new Error("not authorised");
  await failureFunction({
    context,
    failStatus: whole(failure, "status"),
    failResponse: String(isObject(answer) ? answer.message : answer),
    failHeaders: dict(present(failure, "header")),
  });
  return finish(ownRunId);
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;
