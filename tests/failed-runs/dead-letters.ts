import type { BulkDeleteAnswer, BulkRunsAnswer, DeadLetterResource } from "@reprise/protocol";
import { expect } from "vitest";
import { until } from "../conformance/until.ts";
import type { TriggerOptions, World } from "../conformance/world.ts";

/** Dead letters for the tests that choose among them. */

/** An app that is down: every run fails at its first delivery and has no failure function. */
export function serveDown(world: World, path: string): string {
  return world.app.on(path, (_request, { headers }) =>
    headers["upstash-workflow-is-failure"] === "true"
      ? new Response("{}", { headers: { "upstash-workflow-failure-callback-notfound": "true" } })
      : new Response("", { status: 500 }),
  );
}

/** Fails one run; gives its entry. Entries that are made one after the other differ in their times. */
export async function failRun(
  world: World,
  options: Partial<TriggerOptions> = {},
): Promise<DeadLetterResource> {
  const url = options.url ?? serveDown(world, "/down");
  const runId = await world.trigger({ retries: 0, ...options, url });
  // Without a failure URL the call ends with the word that there is no failure function.
  const entry = await (options.failureUrl === undefined
    ? world.deadLetterIn(runId, null)
    : world.deadLetter(runId));
  await until("the clock's next millisecond", () => Date.now() > entry.createdAt);
  return entry;
}

/** The ids that a query selects, as the list shows them. */
export async function listIds(world: World, query: string): Promise<readonly string[]> {
  const answer = await world.call("GET", `/v2/workflows/dlq?${query}`);
  expect(answer.status, answer.text).toBe(200);
  // The tests of S42 check the entries.
  const { messages } = answer.json as { readonly messages: readonly DeadLetterResource[] };
  return messages.map(({ dlqId }) => dlqId);
}

export const idsOf = (...entries: readonly DeadLetterResource[]): readonly string[] =>
  entries.map(({ dlqId }) => dlqId);

/** What can be done with many entries at once. */
export const VERBS = ["resume", "restart", "delete"] as const;
export type Verb = (typeof VERBS)[number];

/** One bulk request as it is. */
export async function actOnMany(
  world: World,
  verb: Verb,
  query: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<BulkRunsAnswer & BulkDeleteAnswer> {
  const path = "/v2/workflows/dlq";
  const answer = await (verb === "delete"
    ? world.call("DELETE", `${path}?${query}`, { headers })
    : world.call("POST", `${path}/${verb}?${query}`, { headers }));
  expect(answer.status, answer.text).toBe(200);
  // The tests of S40 and S57 check the shapes; each verb's has its own fields.
  return answer.json as BulkRunsAnswer & BulkDeleteAnswer;
}

/** How many entries an answer says that it has handled. */
export function handledBy(answer: Partial<BulkRunsAnswer> & Partial<BulkDeleteAnswer>): number {
  return answer.workflowRuns?.length ?? answer.deleted ?? 0;
}

/** The list shows exactly these entries, and the verb takes exactly these out of the queue. */
export async function expectSelection(
  world: World,
  { verb, query, expected }: Selection,
): Promise<void> {
  const wanted = idsOf(...expected).toSorted();
  expect((await listIds(world, query)).toSorted()).toEqual(wanted);
  const before = await listIds(world, "");
  const answer = await actOnMany(world, verb, query);
  expect(handledBy(answer)).toBe(expected.length);
  // Runs that fail again make new entries, which are none of the old ones.
  const after = await listIds(world, "");
  expect(before.filter((id) => !after.includes(id)).toSorted()).toEqual(wanted);
  const sources = await Promise.all(
    (answer.workflowRuns ?? []).map(async ({ workflowRunId }) => {
      const run = await world.log(workflowRunId);
      return run?.resumedFrom;
    }),
  );
  if (verb === "delete") return;
  expect(sources.every((source) => source?.mode === verb)).toBe(true);
  const runs = expected.map((entry) => `${entry.workflowRunId} ${entry.workflowCreatedAt}`);
  expect(
    sources.map((source) => `${source?.workflowRunId} ${source?.workflowRunCreatedAt}`).toSorted(),
  ).toEqual(runs.toSorted());
}

export interface Selection {
  readonly verb: Verb;
  readonly query: string;
  readonly expected: readonly DeadLetterResource[];
}
