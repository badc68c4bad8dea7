import { WorkflowError } from "../errors.ts";
import { textFromBase64 } from "../wire/base64.ts";
import { HEADER } from "../wire/headers.ts";
import { type Answer, jsonAnswer } from "./answer.ts";
import type { WorkflowContext } from "./context.ts";
import type { Read } from "./endpoint.ts";
import { runIdOf } from "./request.ts";
import type { RunFacts } from "./submission.ts";
import type { FailedAttempt, FailedStep, FailureFunction } from "./workflow.ts";

/** What the server reports about a failed run; bodies are base64. */
interface FailureReport {
  readonly status: number;
  readonly header?: Record<string, string[]>;
  readonly body?: string;
  /** Of the workflow. */
  readonly url: string;
  readonly sourceBody?: string;
  readonly workflowCreatedAt?: number;
  readonly dlqId?: string;
  /** Additions of Reprise. */
  readonly failedStep?: FailedStep | null;
  readonly attempts?: readonly FailedAttempt[];
}

interface Prepared<Payload> {
  readonly isAuthorized: boolean;
  readonly context: WorkflowContext<Payload>;
}

/** Calls the author's failure function with what is known of the failure. */
export async function runFailureFunction<Payload>(
  read: Read,
  failureFunction: FailureFunction<Payload> | undefined,
  prepare: (run: RunFacts, payloadText: string) => Promise<Prepared<Payload>>,
): Promise<Answer> {
  const { headers } = read.request;
  const workflowRunId = runIdOf(headers);
  if (failureFunction === undefined) {
    const body = { workflowRunId, finishCondition: "failure-callback-undefined" };
    return jsonAnswer(200, body, { [HEADER.failureFunctionNotFound]: "true" });
  }
  // Signed by the server.
  const report = JSON.parse(read.body) as FailureReport;
  const { status, header = {}, url, sourceBody = "", workflowCreatedAt = 0 } = report;
  const run = { runId: workflowRunId, createdAt: workflowCreatedAt, url, invokeCount: 0 };
  const { isAuthorized, context } = await prepare(run, textFromBase64(sourceBody));
  if (!isAuthorized) {
    throw new WorkflowError(
      "the failure function was not called: the workflow returned before its first step, which is how it turns requests away",
    );
  }
  const { message, stack, stepName } = readError(report);
  const result = await failureFunction({
    context,
    failStatus: status,
    failResponse: message,
    failHeaders: header,
    failStack: stack,
    dlqId: report.dlqId,
    failedStep: report.failedStep ?? (stepName === null ? null : namedStep(stepName)),
    attempts: report.attempts ?? [],
  });
  return jsonAnswer(200, { result: result ?? undefined });
}

function namedStep(stepName: string): FailedStep {
  return { stepName, stepType: null, stepId: 0 };
}

function readError({ body = "", header = {} }: FailureReport): {
  readonly message: string;
  readonly stack: string;
  readonly stepName: string | null;
} {
  const text = textFromBase64(body);
  const stepName = header["Upstash-Error-Step-Name"]?.[0] ?? null;
  try {
    // What an SDK answers has these fields; anything else has not.
    const { message, stack } = JSON.parse(text) as { message?: unknown; stack?: unknown };
    if (typeof message === "string" && message !== "") {
      return { message, stack: typeof stack === "string" ? stack : "", stepName };
    }
  } catch {
    // Shown as it is.
  }
  return { message: text, stack: "", stepName };
}
