import { WorkflowError } from "../errors.ts";
import { HEADER } from "../wire/headers.ts";
import { type Answer, doneAnswer, errorAnswer, linesAnswer } from "./answer.ts";
import { type Carrier, isRefused, isRunEnded } from "./carrier.ts";
import type { Read } from "./endpoint.ts";
import type { StepRecord, StepType } from "./records.ts";
import type { RequestLike } from "./request.ts";
import type { RunFacts } from "./submission.ts";

/** What the server says about the answer of a service. */
interface CallReport {
  readonly status: number;
  readonly header?: Readonly<Record<string, readonly string[]>>;
  /** base64. */
  readonly body?: string;
  readonly retried?: number;
  readonly maxRetries?: number;
}

/** Makes a record of the answer of a service that the run has called. */
export async function submitCallResult(delivery: {
  readonly read: Read;
  readonly run: RunFacts;
  readonly carrier: Carrier;
}): Promise<Answer> {
  const { read, run, carrier } = delivery;
  // Signed by the server.
  const report = JSON.parse(read.body) as CallReport;
  try {
    // A call that has failed and is tried again is reported by plain servers too.
    if (!willRetry(report)) {
      await carrier.submit({ type: "records", records: [toRecord(read.request, report)] });
    }
  } catch (error) {
    if (!isRunEnded(error)) {
      return errorAnswer(error, { isFinal: isRefused(error), isFast: carrier.lines !== null });
    }
  }
  return carrier.lines === null
    ? doneAnswer(run.runId, "fromCallback")
    : linesAnswer(carrier.lines, {});
}

function willRetry({ status, retried = 0, maxRetries = 0 }: CallReport): boolean {
  const isGood = status >= 200 && status < 300;
  return !isGood && maxRetries !== 0 && retried !== maxRetries;
}

function toRecord({ headers }: RequestLike, report: CallReport): StepRecord {
  const stepId = Number(headers.get(HEADER.workflowStepId));
  const stepName = headers.get(HEADER.workflowStepName);
  const stepType = headers.get(HEADER.workflowStepType);
  const concurrent = Number(headers.get(HEADER.workflowConcurrent));
  if (!(stepId > 0 && concurrent > 0) || stepName === null || stepType === null) {
    throw new WorkflowError(
      "the answer of a call does not say whose it is: it lacks the headers Upstash-Workflow-StepId, -StepName, -StepType or -Concurrent, which the server takes from the call",
    );
  }
  const { status, body = "", header } = report;
  // Bytes as characters: whoever reads the result knows its content type, and what to make of them.
  const out = JSON.stringify({ status, body: atob(body), header });
  // The step's own type, as this SDK has sent it with the call.
  return { stepId, stepName, stepType: stepType as StepType, out, concurrent };
}
