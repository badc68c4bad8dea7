import { HEADER, PROTOCOL_VERSION } from "../wire/headers.ts";
import { Http } from "../wire/http.ts";
import type { Answer } from "../workflow/answer.ts";
import type { Socket } from "../workflow/carrier.ts";
import type { Around } from "../workflow/endpoint.ts";
import type { RequestLike } from "../workflow/request.ts";
import { goOn, type Invocation, parseLines } from "./invocation.ts";
import { BASE_URL, type ModelServer, TOKEN } from "./model-server.ts";
import { isSuccess } from "./retry.ts";
import type { Message } from "./rows.ts";
import { serverFetch } from "./server-api.ts";
import type { Line } from "./submissions.ts";

/** Deliveries to a workflow, with the headers and bodies of the real server. */

/** What one request has led to; status 0 is that no answer arrived. */
export interface Outcome {
  readonly answer: Answer;
  readonly error: string | null;
  /** What an invocation goes on with stands in the place of the message that was delivered. */
  readonly message: Message;
  /** Whether the invocation has submitted something by a request of its own. */
  readonly hasSubmitted: boolean;
  /** What the answer submits. */
  readonly lines: readonly Line[];
}

export async function deliver(message: Message, server: ModelServer): Promise<Outcome> {
  const invocation: Invocation = { message, hasSubmitted: false };
  const around = aroundOf(invocation, server);
  const send = (isPart: boolean) => message.run.deliver(toRequest(message, isPart), around);
  const isPart = isWarm(message);
  let answer = await send(isPart);
  if (isPart && /need=history/.test(answer.headers[HEADER.answer] ?? ""))
    answer = await send(false);
  return {
    answer,
    error: isSuccess(answer) ? null : String(answer.status),
    message: invocation.message ?? message,
    hasSubmitted: invocation.hasSubmitted,
    lines: linesOf(answer),
  };
}

function linesOf({ headers, body }: Answer): readonly Line[] {
  if (headers[HEADER.answer] === undefined || headers[HEADER.contentType] !== NDJSON) return [];
  return parseLines(body.split("\n"));
}

const NDJSON = "application/x-ndjson";

export function aroundOf(invocation: Invocation, server: ModelServer): Around {
  const { mode, isWarm, parallel, env, stubs } = server.options;
  const http = new Http({
    baseUrl: BASE_URL,
    token: TOKEN,
    retry: false,
    fetch: serverFetch(invocation, server),
  });
  return {
    env,
    bench: {
      settings: {
        http,
        receiver: undefined,
        mode: mode === "connected" ? "answered" : mode,
        isWarm,
        ...(parallel === undefined ? {} : { parallel }),
      },
      onBegin: ({ context }) => stubs.install(context, server),
    },
    ...(mode === "connected" ? { socket: socketOf(invocation, server) } : {}),
  };
}

function socketOf(invocation: Invocation, server: ModelServer): Socket {
  return {
    submit: async (lines) => goOn(parseLines(lines), invocation, server),
  };
}

function isWarm({ kind, run, position }: Message): boolean {
  return kind === "step" && run.warm !== null && run.warm.known <= position + 1;
}

function toRequest(message: Message, isPart: boolean): RequestLike {
  const body = bodyOf(message, isPart);
  return {
    url: message.run.url,
    headers: new Headers(headersOf(message, isPart)),
    text: async () => body,
  };
}

function bodyOf({ kind, run, position, wait, body }: Message, isPart: boolean): string {
  switch (kind) {
    case "callResult":
      return wait?.report ?? "";
    case "failureCall":
      return body;
    case "call":
    case "step": {
      const items = run.items.slice(0, position + 1);
      if (!isPart || run.warm === null) return JSON.stringify(items);
      const from = run.warm.known;
      return JSON.stringify({ from, records: items.slice(from) });
    }
  }
}

function headersOf(message: Message, isPart: boolean): Record<string, string> {
  const { run, kind, key, retried } = message;
  return {
    ...run.headers,
    [HEADER.contentType]: "application/json",
    [HEADER.workflowRunId]: run.id,
    [HEADER.workflowCreatedAt]: String(run.createdAt),
    [HEADER.messageId]: `msg_${key}`,
    [HEADER.retried]: String(retried),
    ...(run.labels.length === 0 ? {} : { [HEADER.label]: run.labels.join(",") }),
    ...(run.invokeCount === 0 ? {} : { [HEADER.workflowInvokeCount]: String(run.invokeCount) }),
    ...(kind === "failureCall" ? FAILURE : { ...STEP, [HEADER.workflowUrl]: run.url }),
    ...(kind === "step" ? { [HEADER.workflowSdkVersion]: PROTOCOL_VERSION } : {}),
    ...(kind === "callResult" ? message.wait?.call?.place : {}),
    ...(kind === "failureCall" ? {} : { [HEADER.delivery]: offerOf(message, isPart) }),
  };
}

const FAILURE = {
  [HEADER.workflowIsFailure]: "true",
  [HEADER.workflowFailureCallback]: "true",
};
const STEP = { [HEADER.workflowInit]: "false" };

function offerOf({ key, retries, run }: Message, isPart: boolean): string {
  const offer = `v=1; hold=${key}; retries=${retries}`;
  if (!isPart || run.warm === null) return offer;
  return `${offer}; from=${run.warm.known}; warm=${run.warm.process}`;
}
