import { base64FromBytes, base64FromText } from "../wire/base64.ts";
import type { Answer } from "../workflow/answer.ts";
import { aroundOf } from "./deliveries.ts";
import { toHeaderLists } from "./header-lists.ts";
import { KitError } from "./kit-error.ts";
import type { ModelServer } from "./model-server.ts";
import { isSuccess, retryLater } from "./retry.ts";
import { type Attempt, type CallRequest, isOpen, type Message } from "./rows.ts";
import type { CallAnswer } from "./stubs.ts";

/** Calls of services: the test answers in their place. A bad answer is a result like any other, and never fails the run. */

export interface CallOutcome {
  readonly answer: Answer;
  readonly error: string | null;
  /** The body of the answer as it came. */
  readonly base64: string;
}

export async function performCall(
  { wait, retried }: Message,
  server: ModelServer,
): Promise<CallOutcome> {
  const call = wait?.call ?? null;
  if (wait === null || call === null) throw new KitError("a message that is no call was called");
  const { stepName } = wait.step;
  const answering = server.options.stubs.callAnswer(stepName) ?? callWorkflow(call, server);
  if (answering === null) {
    throw new KitError(
      `step ${JSON.stringify(stepName)} calls ${call.method} ${call.url}; say what the service answers: run.onCall(${JSON.stringify(stepName)}, answer)`,
    );
  }
  try {
    return await toOutcome(await answering(toRequest(call), { retried }));
  } catch (error) {
    if (error instanceof KitError) throw error;
    const text = error instanceof Error ? error.message : String(error);
    const answer = { status: 0, headers: {}, body: text };
    return { answer, error: text, base64: base64FromText(text) };
  }
}

/** A workflow that is called and not invoked starts a run of its own. */
function callWorkflow({ url }: CallRequest, server: ModelServer): CallAnswer | null {
  const deliver = server.workflows.get(url);
  if (deliver === undefined) return null;
  return async (request) => {
    const text = await request.text();
    const { headers } = request;
    const around = aroundOf({ message: null, hasSubmitted: false }, server);
    const answer = await deliver({ url, headers, text: async () => text }, around);
    return new Response(answer.body, { status: answer.status, headers: answer.headers });
  };
}

function toRequest({ url, method, headers, body }: CallRequest): Request {
  const hasBody = method !== "GET" && method !== "HEAD" && body !== undefined;
  return new Request(url, { method, headers, ...(hasBody ? { body } : {}) });
}

async function toOutcome(given: unknown): Promise<CallOutcome> {
  const response =
    given instanceof Response ? given : given === undefined ? new Response() : Response.json(given);
  const { status } = response;
  const headers = Object.fromEntries(response.headers);
  const bytes = new Uint8Array(await response.clone().arrayBuffer());
  const answer = { status, headers, body: new TextDecoder().decode(bytes) };
  return { answer, error: null, base64: base64FromBytes(bytes) };
}

export function endCall(
  message: Message,
  attempt: Attempt,
  { answer, base64 }: CallOutcome,
  server: ModelServer,
): void {
  const { wait, retries } = message;
  message.attempts.push(attempt);
  if (wait?.state !== "open") {
    server.done(message);
    return;
  }
  if (!isSuccess(answer) && retryLater({ message, answer, retries }, server)) return;
  server.done(message);
  const { run } = wait;
  if (!isOpen(run)) {
    wait.state = "done";
    return;
  }
  wait.state = "answered";
  wait.attempts = message.retried + 1;
  wait.errors = message.attempts.filter(({ status }) => status < 200 || status >= 300);
  wait.report = JSON.stringify({
    status: answer.status,
    header: toHeaderLists(answer.headers),
    body: base64,
    retried: isSuccess(answer) ? message.retried : retries,
    maxRetries: retries,
    url: wait.call?.url ?? "",
    method: wait.call?.method ?? "POST",
  });
  if (run.state === "running") server.send({ run, kind: "callResult", wait });
}
