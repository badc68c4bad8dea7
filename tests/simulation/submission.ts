import type { Fact, SentRequest } from "./facts.ts";
import { parseStep, type WireStep } from "./step-list.ts";

/** One thing that an SDK has asked for in the name of a run. */
export interface Submission {
  readonly runId: string;
  /**
   * `start`: the first message of a run; `record`: a plan or a result; `call`, `wait` and `invoke`: a step that somebody else
   * completes.
   */
  readonly kind: "start" | "record" | "call" | "wait" | "invoke";
  readonly body: string;
  /** The record, or the step that waits; null for the first message of a run. */
  readonly step: WireStep | null;
}

interface BatchItem {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What an app submits by a request, or with its answer to a delivery. */
export function submissionsIn(fact: Fact): readonly Submission[] {
  if (fact.kind === "arrival") return readSubmissions(fact.request);
  if (fact.kind !== "outcome" || fact.outcome.type !== "response") return [];
  const { status, headers, body } = fact.outcome;
  const runId = fact.attempt.run?.id;
  if (status >= 300 || headers["reprise-answer"] === undefined || runId === undefined) return [];
  return readLines(Buffer.from(body).toString("utf8"), runId);
}

/** What a request carries, in order; nothing when it is about no run. */
export function readSubmissions(request: SentRequest): readonly Submission[] {
  const { method, target, body, headers } = request;
  if (method !== "POST") return [];
  if (target === "/v2/batch") {
    // The SDK wrote it.
    const items = JSON.parse(body) as readonly BatchItem[];
    return items.map(toSubmission);
  }
  const runId = /^\/v2\/workflows\/runs\/([^/]+)\/steps$/.exec(target)?.[1];
  if (runId !== undefined) return readLines(body, runId);
  if (target.startsWith("/v2/publish/")) return [toSubmission({ headers, body })];
  if (!target.startsWith("/v2/wait/")) return [];
  // The SDK writes the body of a wait like this.
  const { step } = JSON.parse(body) as { readonly step: WireStep };
  return [{ runId: headers["upstash-workflow-runid"] ?? "", kind: "wait", body, step }];
}

/** A line as the SDK writes it; see docs/fast-modes.md. */
interface Line {
  readonly stepId?: number;
  readonly call?: BatchItem;
  readonly wait?: { readonly body: { readonly step: WireStep } };
  readonly invoke?: { readonly body: { readonly step: WireStep } };
}

function readLines(text: string, runId: string): readonly Submission[] {
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.flatMap((body): readonly Submission[] => {
    const line = JSON.parse(body) as Line; // Written by the SDK.
    if (line.stepId !== undefined) {
      return [{ runId, kind: "record", body, step: parseStep(Buffer.from(body)) }];
    }
    const { call, wait, invoke } = line;
    if (call !== undefined) return [toSubmission(call)];
    if (wait !== undefined) return [{ runId, kind: "wait", body, step: wait.body.step }];
    if (invoke !== undefined) return [{ runId, kind: "invoke", body, step: invoke.body.step }];
    return [];
  });
}

function toSubmission({ headers = {}, body = "" }: BatchItem): Submission {
  const lower = new Map(Object.entries(headers).map(([name, text]) => [name.toLowerCase(), text]));
  const runId = lower.get("upstash-workflow-runid") ?? "";
  if (lower.get("upstash-workflow-invoke") === "true") {
    // The SDK's envelope.
    const envelope = JSON.parse(body) as {
      readonly workflowRunId: string;
      readonly step: WireStep;
    };
    return { runId: envelope.workflowRunId, kind: "invoke", body, step: envelope.step };
  }
  if (lower.get("upstash-workflow-calltype") === "toCallback") {
    return { runId, kind: "call", body, step: callStep(lower) };
  }
  if (lower.get("upstash-workflow-init") === "true") {
    return { runId, kind: "start", body, step: null };
  }
  return { runId, kind: "record", body, step: parseStep(Buffer.from(body)) };
}

/** The step of a call, from the headers that come back with its answer. */
function callStep(headers: ReadonlyMap<string, string>): WireStep {
  const read = (name: string) =>
    headers.get(`upstash-callback-forward-upstash-workflow-${name}`) ?? "";
  return {
    stepId: Number(read("stepid")),
    stepName: read("stepname"),
    stepType: read("steptype"),
    concurrent: Number(read("concurrent")),
  };
}
