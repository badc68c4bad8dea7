import * as own from "@reprise/sdk";
import { Client as QstashClient } from "@upstash/qstash";
import * as official from "@upstash/workflow";
import * as officialMany from "@upstash/workflow/nextjs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { quietSdk } from "../../conformance/quiet-sdk.ts";
import type { Asked, Told } from "./asked.ts";
import { ModelServer } from "./model-server.ts";

/** Workflows that both SDKs serve against the model, and a comparison of all that they say. */

export type Route = official.RouteFunction<unknown>;
type Options = Parameters<typeof officialMany.createWorkflow<unknown, unknown>>[1];
type Workflow = ReturnType<typeof officialMany.createWorkflow<unknown, unknown>>;

/** Makes workflows that can be invoked; the one called `flow` is triggered. */
export type Workflows = (
  create: (route: Route, options?: Options) => Workflow,
) => Readonly<Record<string, Workflow>>;

export interface Case {
  readonly workflows: Workflows;
  /** What `flow` returns; `undefined` when it does not come to its end. */
  readonly result: unknown;
  /** Statuses of the answers that are no 200, in order. */
  readonly faults?: readonly number[];
  /** What the failure function has said. */
  readonly failure?: string;
  readonly isLazy?: boolean;
}

const ORIGIN = "http://app.test";
const RUN = "/v2/workflows/runs/wfr_1?cancel=";
export const SERVICE = "http://service.test/echo";

export const SDKS = {
  official: (workflows: Workflows, model: ModelServer) => {
    const qstashClient = new QstashClient({ baseUrl: model.url, token: model.token });
    const made = workflows((route, options) => officialMany.createWorkflow(route, options));
    const { POST } = officialMany.serveMany(made, { qstashClient });
    return { names: Object.keys(made), handle: POST };
  },
  classic: (workflows: Workflows, model: ModelServer) => serveOwn(workflows, model, "classic"),
  auto: (workflows: Workflows, model: ModelServer) => serveOwn(workflows, model, "auto"),
} as const;

export type Sdk = keyof typeof SDKS;

function serveOwn(workflows: Workflows, model: ModelServer, mode: own.Mode) {
  const qstashClient = { baseUrl: model.url, token: model.token };
  // The contexts and options are named alike, which is what these tests are about.
  const create = own.createWorkflow as unknown as Parameters<Workflows>[0];
  const made = workflows(create);
  // As above.
  const served = made as unknown as Parameters<typeof own.serveMany>[0];
  return { names: Object.keys(made), handle: own.serveMany(served, { qstashClient, mode }) };
}

interface Trace {
  readonly asked: readonly Asked[];
  readonly told: readonly Told[];
  readonly refusals: readonly string[];
}

/** What one SDK says while a case runs; `isLazy` and the model's state are the caller's. */
async function traceOf(model: ModelServer, sdk: Sdk, { workflows, isLazy }: Case): Promise<Trace> {
  model.reset();
  model.isLazy = isLazy ?? false;
  const { names, handle } = SDKS[sdk](workflows, model);
  for (const name of names) model.serve(`${ORIGIN}/${name}`, handle);
  const client = new official.Client({ baseUrl: model.url, token: model.token });
  const url = `${ORIGIN}/flow`;
  const settings = { workflowRunId: "1", retries: 1, headers: { "X-Run": "run" }, label: "red" };
  await client.trigger({ url, body: { hello: "you" }, ...settings });
  await model.drain();
  const { asked, told, refusals } = model;
  return { asked: numbered(asked), told: [...told], refusals: [...refusals] };
}

/** Ids that an SDK makes by chance, numbered as they come. */
function numbered<T>(value: readonly T[]): readonly T[] {
  const known: string[] = [];
  const text = JSON.stringify(value).replace(/\b(?:evt|wfr)_[\w-]{12,}/g, (id) => {
    if (!known.includes(id)) known.push(id);
    return `${id.slice(0, 4)}${known.indexOf(id)}`;
  });
  return JSON.parse(text) as T[]; // What it was.
}

/** What ours says in other words, with the reason. */
export function asOwn(asked: Asked): Asked {
  const { method, path, headers, body } = asked;
  const [, destination] = /^\/v2\/publish\/(.*)$/.exec(path) ?? [];
  if (destination === undefined) return asked;
  if ("upstash-workflow-invoke" in headers) return { ...asked, headers: ownInvoke(headers) };
  // The answer of a call is a record like any other, so it goes the way of all of them: a batch of one.
  const { "content-type": contentType = "", ...own } = headers;
  return {
    method,
    path: "/v2/batch",
    headers: { "content-type": contentType },
    body: [
      {
        destination,
        headers: { ...own, "content-type": contentType, "upstash-method": "POST" },
        body,
      },
    ],
  };
}

/** The failure call of an invoked run has the headers that one of a triggered run has: no depth, but the labels. */
function ownInvoke(headers: Asked["headers"]): Asked["headers"] {
  const prefix = "upstash-failure-callback-forward-upstash-";
  const { [`${prefix}workflow-invoke-count`]: _, ...own } = headers;
  const label = headers["upstash-label"];
  return label === undefined ? own : { ...own, [`${prefix}label`]: label };
}

/** Ids and URLs in a path: ours escapes them, so that whatever is in them belongs to them. */
function unescaped(asked: Asked): Asked {
  return { ...asked, path: decodeURIComponent(asked.path) };
}

/** What the server reads of an answer. */
function meaning({ status, headers }: Told): object {
  const { "retry-after": pause, "upstash-nonretryable-error": isFinal } = headers;
  // Seconds, as HTTP has them; the official SDK lets the author's words through.
  const retryAfter = pause?.replace(/^(\d+)s$/, "$1");
  const notFound = headers["upstash-workflow-failure-callback-notfound"];
  return { status, retryAfter, isFinal, notFound };
}

/** A test for each case: it goes as it says, and ours makes the same requests and answers. */
export function testCases(mode: Exclude<Sdk, "official">, cases: Readonly<Record<string, Case>>) {
  quietSdk();
  const model = new ModelServer();
  beforeEach(async () => {
    await model.open();
    model.serve(SERVICE, async (request) => Response.json({ echo: await request.text() }));
  });
  afterEach(() => model.close());

  test.each(Object.entries(cases))("%s", async (_name, one) => {
    const expected = await traceOf(model, "official", one);
    const actual = await traceOf(model, mode, one);
    expect(expected.refusals).toEqual([]);
    expect(actual.refusals).toEqual([]);
    const ends = expected.asked.filter(({ path }) => path.startsWith(RUN));
    expect(ends.at(-1)?.body).toEqual(one.result);
    const faults = expected.told.map(({ status }) => status).filter((status) => status !== 200);
    expect(faults).toEqual(one.faults ?? []);
    if (one.failure !== undefined) {
      const { failure: result } = one;
      for (const { told } of [expected, actual]) expect(told.at(-1)?.body).toEqual({ result });
    }
    expect(actual.asked.map(unescaped)).toEqual(expected.asked.map(unescaped).map(asOwn));
    expect(actual.told.map(meaning)).toEqual(expected.told.map(meaning));
    for (const { headers } of actual.told) {
      expect(Object.keys(headers).filter((name) => name.startsWith("reprise-"))).toEqual([]);
    }
  });
}
