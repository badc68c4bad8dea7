import type { BulkRunsAnswer, RunAnswer } from "@reprise/protocol";
import { expect } from "vitest";
import type { Answer, World } from "../conformance/world.ts";

export type Mode = "resume" | "restart";

/** A way to bring a dead letter back: which action, and whether it names one entry, a list of entries, or a filter. */
export const WAYS = [
  "resume one",
  "resume listed",
  "resume matching",
  "restart one",
  "restart listed",
  "restart matching",
] as const;
export type Way = (typeof WAYS)[number];

/** Asks in one of the ways for the entry of a failed run. */
export async function askToRevive(
  world: World,
  { runId, way, headers = {} }: AskToRevive,
): Promise<Answer> {
  const { dlqId } = await world.deadLetter(runId);
  const [mode, choice] = way.split(" ");
  const path = `/v2/workflows/dlq/${mode}`;
  const target = {
    one: `${path}/${dlqId}`,
    listed: `${path}?dlqIds=${dlqId}`,
    matching: `${path}?workflowRunId=${runId}`,
  }[choice ?? ""];
  return world.call("POST", target ?? path, { headers });
}

interface AskToRevive {
  readonly runId: string;
  readonly way: Way;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Resumes or restarts the dead letter of a run, once it has failed, and gives the new run's id. */
export async function revive(world: World, runId: string, mode: Mode = "resume"): Promise<string> {
  return revivedBy(await askToRevive(world, { runId, way: `${mode} one` }));
}

/** The id of the run that an answer of one of the ways names. */
export function revivedBy(answer: Answer): string {
  expect(answer.status, answer.text).toBe(200);
  // One answers the run, the others a list of runs; the tests of S40 check the shapes.
  const json = answer.json as RunAnswer & Partial<BulkRunsAnswer>;
  return json.workflowRuns?.[0]?.workflowRunId ?? json.workflowRunId;
}
