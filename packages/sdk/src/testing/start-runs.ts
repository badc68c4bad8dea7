import { FORWARD_PREFIX, HEADER } from "../wire/headers.ts";
import type { StepRecord } from "../workflow/records.ts";
import type { Exchange } from "../workflow/submission.ts";
import { lowerCase, under } from "./header-lists.ts";
import { KitError } from "./kit-error.ts";
import type { ModelServer } from "./model-server.ts";
import type { Deliver, Run, RunStart } from "./rows.ts";
import { register } from "./waits.ts";

/** Runs that workflows start. */

export function startInvoked(
  invoke: { readonly destination: string } & Exchange,
  run: Run,
  server: ModelServer,
): void {
  const { destination, headers, body } = invoke;
  // Written by the SDK: `invokeSubmission`.
  const { step, body: payload = "" } = body as {
    readonly step: StepRecord;
    readonly body?: string;
  };
  const stub = server.options.stubs.invokeAnswer(step.stepName);
  const deliver = stub ?? workflowAt(destination, `step ${JSON.stringify(step.stepName)}`, server);
  const wait = register(run, { kind: "invoke", step }, server);
  if (wait === null) return;
  server.startAndSend({
    ...toStart(headers, { url: destination, payload, deliver }),
    invoker: wait,
  });
}

/** Starts a run by the headers of its first message. */
export function toStart(
  given: Readonly<Record<string, string>>,
  of: Pick<RunStart, "url" | "payload" | "deliver">,
): RunStart {
  const headers = lowerCase(given);
  const forwarded = under(FORWARD_PREFIX, headers);
  const own = Object.entries(forwarded).filter(([name]) => !name.startsWith("upstash-"));
  return {
    ...of,
    id: headers[HEADER.workflowRunId] ?? "",
    headers: Object.fromEntries(own),
    labels: (headers[HEADER.label] ?? "").split(",").filter((label) => label !== ""),
    retries: Number(headers[HEADER.retries] ?? 3),
    retryDelay: headers[HEADER.retryDelay] ?? null,
    invokeCount: Number(forwarded[HEADER.workflowInvokeCount] ?? 0),
    invoker: null,
  };
}

export function workflowAt(url: string, who: string, { workflows }: ModelServer): Deliver {
  const deliver = workflows.get(url);
  if (deliver !== undefined) return deliver;
  throw new KitError(
    `${who} starts a workflow at ${url}, and the kit knows none there; give it to testWorkflow as workflows: { name: workflow }, or answer with run.onInvoke(step, result)`,
  );
}
