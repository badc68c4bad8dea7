// What a dead letter shows, and how it is found.

import type { DeadLetterResource, HeaderMap } from "@reprise/protocol";
import { expect, test } from "vitest";
import type { Received } from "../conformance/app.ts";
import { useWorld } from "../conformance/world.ts";
import { readCli, runCli } from "./cli.ts";
import { failRun, idsOf, serveDown } from "./dead-letters.ts";

const world = useWorld();

/** The ways to a list that is chosen by URL and run id; each gives the ids that it shows. */
const LISTS: Readonly<Record<string, (filter: Filter) => Promise<readonly DeadLetterResource[]>>> =
  {
    "the REST address": (filter) =>
      readList(`/v2/workflows/dlq?${new URLSearchParams({ ...filter })}`),
    "the older address": (filter) =>
      readList(`/v2/dlq?source=workflow&${new URLSearchParams({ ...filter })}`),
    "the official client": async (filter) => {
      const { messages } = await world.client.dlq.list({ filter });
      // The client hands on what the server sends.
      return messages as unknown as readonly DeadLetterResource[];
    },
    "the command line": async ({ workflowUrl, workflowRunId }) => {
      const url = workflowUrl === undefined ? [] : ["--url", workflowUrl];
      const runId = workflowRunId === undefined ? [] : ["--run-id", workflowRunId];
      // The shape is what the same test checks of the others.
      return (await readCli(world, ["dlq", "list", ...url, ...runId])) as DeadLetterResource[];
    },
  };

interface Filter {
  readonly workflowUrl?: string;
  readonly workflowRunId?: string;
}

async function readList(path: string): Promise<readonly DeadLetterResource[]> {
  const answer = await world.call("GET", path);
  expect(answer.status, answer.text).toBe(200);
  // As above.
  return (answer.json as { readonly messages: readonly DeadLetterResource[] }).messages;
}

test.each(Object.entries(LISTS))(
  "S41: entries are found by workflow URL and by run id through %s",
  async (_name, list) => {
    const first = await failRun(world, { url: serveDown(world, "/a") });
    const second = await failRun(world, { url: serveDown(world, "/a") });
    const other = await failRun(world, { url: serveDown(world, "/b") });
    const find = async (filter: Filter) => idsOf(...(await list(filter))).toSorted();
    const { workflowUrl, workflowRunId } = first;
    expect(await find({ workflowUrl })).toEqual(idsOf(first, second).toSorted());
    expect(await find({ workflowRunId })).toEqual(idsOf(first));
    expect(await find({ workflowUrl, workflowRunId: other.workflowRunId })).toEqual([]);
    expect(await find({})).toHaveLength(3);
  },
);

/** Headers that a connection adds on its own way; they are no part of what was asked. */
const OF_THE_CONNECTION = ["host", "connection", "content-length", "accept-encoding"];

/** Every header that arrived at the app, as the entry shows headers. */
function arrived({ headers }: Received): HeaderMap {
  return Object.fromEntries(
    Object.entries(headers)
      .filter(([name]) => !OF_THE_CONNECTION.includes(name))
      .map(([name, value]) => [name, [value]]),
  );
}

/** Signatures are made anew for each attempt and are nobody's to read. */
const SIGNATURE = "upstash-signature";

function lowerCase(headers: HeaderMap): HeaderMap {
  return Object.fromEntries(
    Object.entries(headers).map(([name, values]) => [name.toLowerCase(), values]),
  );
}

test("S42: all headers and bodies of request and response are kept and shown", async () => {
  const headers = new Headers({ "x-one": "1", "content-type": "text/plain; charset=utf-8" });
  headers.append("set-cookie", "a=1");
  headers.append("set-cookie", "b=2; Path=/");
  headers.append("x-umlaut", "fein");
  const body = "what the app said: ü";
  const url = world.app.on("/down", () => new Response(body, { status: 503, headers }));
  const runId = await world.trigger({
    url,
    body: { order: "ü" },
    headers: { "x-user": "me", authorization: "Bearer user" },
    retries: 1,
    retryDelay: "1",
  });
  const entry = await world.deadLetter(runId);
  const last = world.app.at("/down")[1];
  if (last === undefined) throw new Error("the retry did not arrive");
  expect(entry.body).toBe('{"order":"ü"}');
  const { [SIGNATURE]: _signature, ...sent } = arrived(last);
  expect(lowerCase(entry.header)).toMatchObject(sent);
  expect(entry).toMatchObject({
    responseStatus: 503,
    responseBody: body,
    responseHeader: {
      "X-One": ["1"],
      "Content-Type": ["text/plain; charset=utf-8"],
      "Set-Cookie": ["a=1", "b=2; Path=/"],
      "X-Umlaut": ["fein"],
    },
  });
  expect(entry.attempts?.map(({ requestHeader }) => requestHeader["Upstash-Retried"])).toEqual([
    ["0"],
    ["1"],
  ]);
  expect(entry.attempts?.map(({ responseBody }) => responseBody)).toEqual([body, body]);
});

test("S42: the command line shows the same headers and bodies", async () => {
  const answer = { status: 503, headers: { "x-one": "1" } };
  const url = world.app.on("/down", () => new Response("what the app said", answer));
  const headers = { "x-user": "me" };
  const runId = await world.trigger({ url, body: "payload of mine", headers, retries: 0 });
  const { dlqId } = await world.deadLetter(runId);
  const { out } = await runCli(world, ["dlq", "show", dlqId]);
  for (const line of [/X-User: me/, /payload of mine/, /X-One: 1/, /what the app said/, /503/]) {
    expect(out).toMatch(line);
  }
});

test("S42: bodies that are no UTF-8 are shown as base64", async () => {
  const bytes = Buffer.from([0x00, 0xff, 0xc3, 0x28]);
  const url = world.app.on("/binary", () => new Response(bytes, { status: 500 }));
  const answer = await world.call("POST", `/v2/trigger/${url}`, {
    headers: { "Upstash-Retries": "0", "content-type": "application/octet-stream" },
    body: new Uint8Array(bytes),
  });
  const { workflowRunId } = answer.json as { workflowRunId: string }; // Or the next line fails.
  const entry = await world.deadLetter(workflowRunId);
  const base64 = bytes.toString("base64");
  expect([entry.bodyBase64, entry.responseBodyBase64]).toEqual([base64, base64]);
  expect([entry.body ?? "", entry.responseBody ?? ""]).toEqual(["", ""]);
});

/** What a closed tunnel answers. */
const PAGE = "<!DOCTYPE html><title>ngrok</title>ERR_NGROK_3200";

test("S43: the failure of a tunnel can be found by its URL, read, understood and resumed", async () => {
  let isOpen = false;
  const workflow = world.workflow(async (context) => context.run("only", () => "arrived"));
  const url = world.app.on("/tunnel", (request) =>
    isOpen
      ? workflow(request)
      : new Response(PAGE, {
          status: 404,
          headers: { "ngrok-error-code": "ERR_NGROK_3200", "content-type": "text/html" },
        }),
  );
  await world.failed(await world.trigger({ url, retries: 0 }));
  const { messages } = await world.client.dlq.list({ filter: { workflowUrl: url } });
  expect(messages).toHaveLength(1);
  expect(messages[0]).toMatchObject({
    responseStatus: 404,
    responseHeader: { "Ngrok-Error-Code": ["ERR_NGROK_3200"] },
    responseBody: PAGE,
    reason: "404 Not Found; ngrok answered, not the app (ERR_NGROK_3200: the tunnel is offline)",
  });
  const dlqId = messages[0]?.dlqId ?? "";
  const { out } = await runCli(world, ["dlq", "show", dlqId]);
  expect(out).toMatch(/^why +404 Not Found; ngrok answered.*the tunnel is offline\)$/m);
  expect(out).toContain("Ngrok-Error-Code: ERR_NGROK_3200");
  expect(out).toContain(PAGE);
  isOpen = true;
  const run = await world.client.dlq.resume(dlqId);
  const ended = await world.succeeded(run.workflowRuns[0]?.workflowRunId ?? "");
  expect(ended.workflowRunResponse).toBe('"arrived"');
});

test("S43: a page in the place of the workflow is named as such", async () => {
  const headers = { "content-type": "text/html; charset=utf-8" };
  const url = world.app.on("/page", () => new Response("<html>", { status: 404, headers }));
  const { reason } = await world.deadLetter(await world.trigger({ url, retries: 0 }));
  expect(reason).toMatch(/^404 Not Found; an HTML page answered, not a workflow endpoint/);
});
