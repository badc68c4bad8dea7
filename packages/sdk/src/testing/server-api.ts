import { HEADER } from "../wire/headers.ts";
import type { StepRecord } from "../workflow/records.ts";
import type { Exchange, Item } from "../workflow/submission.ts";
import { lowerCase } from "./header-lists.ts";
import { goOn, type Invocation, parseLines } from "./invocation.ts";
import { KitError } from "./kit-error.ts";
import type { ModelServer } from "./model-server.ts";
import { endRun } from "./run-end.ts";
import { toStart, workflowAt } from "./start-runs.ts";
import { type Line, takeLines } from "./submissions.ts";
import { notify } from "./waits.ts";

/** The requests that a workflow makes while it runs, answered in memory. */

interface Ask {
  readonly method: string;
  readonly path: readonly string[];
  readonly query: URLSearchParams;
  readonly headers: Headers;
  readonly body: string;
}

export function serverFetch(invocation: Invocation, server: ModelServer): typeof fetch {
  return async (input, init) => {
    const { pathname, searchParams } = new URL(String(input));
    const path = pathname
      .split("/")
      .filter((part) => part !== "")
      .map(decodeURIComponent);
    const { method = "GET", body } = init ?? {};
    const headers = new Headers(init?.headers);
    // What the SDK sends to its server is text.
    const ask = { method, path, query: searchParams, headers, body: String(body ?? "") };
    try {
      return answer(ask, invocation, server);
    } catch (error) {
      if (error instanceof KitError) server.agenda.fail(error);
      const status = error instanceof Error && "status" in error ? Number(error.status) : 500;
      return Response.json({ error: String(error) }, { status });
    }
  };
}

function answer(ask: Ask, invocation: Invocation, server: ModelServer): Response {
  const [, resource = "", ...rest] = ask.path;
  switch (`${ask.method} ${resource}`) {
    case "POST batch":
      return takeBatch(ask, invocation, server);
    case "POST wait": {
      const exchange = JSON.parse(ask.body) as Exchange["body"]; // Written by the SDK.
      const line = { wait: { eventId: rest[0] ?? "", headers: {}, body: exchange } };
      return take([line], invocation, server);
    }
    case "POST publish": {
      const body = JSON.parse(ask.body) as Exchange["body"]; // Written by the SDK.
      const headers = Object.fromEntries(ask.headers);
      return take([{ invoke: { destination: rest[0] ?? "", headers, body } }], invocation, server);
    }
    case "POST notify":
      return takeNotify(ask, rest, server);
    case "POST workflows":
    case "DELETE workflows":
    case "GET workflows":
      return answerRun(ask, rest, invocation, server);
    default:
      throw new KitError(`the kit cannot answer ${ask.method} /${ask.path.join("/")}`);
  }
}

function take(lines: readonly Line[], invocation: Invocation, server: ModelServer): Response {
  const { message } = invocation;
  if (message === null) throw new KitError("only deliveries of a run submit steps");
  const taken = takeLines(lines, message, server);
  if (taken.type === "ended") return Response.json({ error: "the run has ended" }, { status: 400 });
  invocation.hasSubmitted = true;
  return Response.json({ messageId: "msg_taken" });
}

function takeBatch({ body }: Ask, invocation: Invocation, server: ModelServer): Response {
  const items = JSON.parse(body) as readonly Item[]; // Written by the SDK.
  const lines: Line[] = [];
  for (const item of items) {
    const headers = lowerCase(item.headers);
    if (headers[HEADER.workflowInit] === "true") {
      const { destination: url, body: payload = "" } = item;
      const deliver = workflowAt(url, "a request of the workflow", server);
      server.startAndSend(toStart(item.headers, { url, payload, deliver }));
    } else if (headers[HEADER.workflowCallType] === "toCallback") lines.push({ call: item });
    // A record, as the SDK has written it.
    else lines.push(JSON.parse(item.body ?? "null") as StepRecord);
  }
  if (lines.length === 0) return Response.json([{ messageId: "msg_started" }]);
  return take(lines, invocation, server);
}

function takeNotify({ body }: Ask, path: readonly string[], server: ModelServer): Response {
  const [first = "", second] = path;
  const eventId = second ?? first;
  const run = second === undefined ? null : (server.find(first) ?? null);
  const woken = notify({ eventId, bytes: new TextEncoder().encode(body), run }, server);
  const shown = woken.map((wait) => ({
    messageId: "msg_woken",
    workflowRunId: wait.run.id,
    workflowCreatedAt: wait.run.createdAt,
  }));
  return Response.json(shown);
}

function answerRun(
  ask: Ask,
  [, runId = "", part]: readonly string[],
  invocation: Invocation,
  server: ModelServer,
): Response {
  const run = server.find(runId);
  if (run === undefined) return Response.json({ error: "no such run" }, { status: 404 });
  if (ask.method === "GET") return Response.json(run.items);
  if (part === "steps") {
    const receipt = goOn(parseLines(ask.body.split("\n")), invocation, server);
    if (receipt.type === "done") return Response.json({ stop: true });
    const key = invocation.message?.key ?? 0;
    return Response.json({ messageId: `msg_${key}`, hold: key, retries: receipt.retries });
  }
  const isCancel = ask.query.get("cancel") === "true";
  const response = ask.body === "" ? undefined : ask.body;
  endRun(run, isCancel ? "canceled" : "succeeded", isCancel ? undefined : response, server);
  invocation.hasSubmitted = true;
  return new Response();
}
