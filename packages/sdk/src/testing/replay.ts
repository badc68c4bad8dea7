import { HEADER, PROTOCOL_VERSION } from "../wire/headers.ts";
import { Http } from "../wire/http.ts";
import type { Answer } from "../workflow/answer.ts";
import type { Bench } from "../workflow/endpoint.ts";
import type { Execution } from "../workflow/execution.ts";
import { History } from "../workflow/records.ts";
import type { StepCall } from "../workflow/step-call.ts";
import type { ServeOptions } from "../workflow/workflow.ts";
import { lowerCase } from "./header-lists.ts";
import { BASE_URL, TOKEN } from "./model-server.ts";
import { type RecordedHistory, toItems } from "./recorded-history.ts";
import { deliverTo, type Testable } from "./testable.ts";

/** What the recorded run had besides its records. */
export interface ReplayOptions<Payload = unknown, Result = unknown> {
  readonly headers?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly serve?: ServeOptions<Payload, Result>;
  readonly url?: string;
}

/** Whether the code fits what the run has recorded. */
export type Replayed =
  /** `finished`: the function has returned; `suspended`: it waits for these steps; `failed`: it threw, as code between steps may. */
  | { readonly ok: true; readonly state: "finished" }
  | { readonly ok: true; readonly state: "suspended"; readonly next: readonly string[] }
  | { readonly ok: true; readonly state: "failed"; readonly error: string }
  | { readonly ok: false; readonly divergence: string };

/** Runs a workflow against what a run has recorded, to prove that changed code still fits it. No step is run. */
export async function replay<Payload = unknown, Result = unknown>(
  target: Testable<Payload, Result>,
  recorded: RecordedHistory,
  options: ReplayOptions<Payload, Result> = {},
): Promise<Replayed> {
  const items = toItems(recorded);
  const known = new History();
  known.append(items);
  const seen: Seen = { asked: [] };
  const { url = "http://app.test/workflow", headers = {}, env = {} } = options;
  const request = {
    url,
    headers: new Headers({ ...lowerCase(headers), ...DELIVERY }),
    text: async () => JSON.stringify(items),
  };
  const answer = await new Promise<Answer | null>((resolve, reject) => {
    const bench: Bench = {
      settings: { http: offline(), receiver: undefined, mode: "answered", isWarm: false },
      onBegin: ({ execution }) => watch(execution, seen, () => resolve(null)),
    };
    deliverTo(target, options.serve)(request, { env, bench }).then(resolve, reject);
  });
  return judge(answer, known, seen);
}

const DELIVERY = {
  [HEADER.contentType]: "application/json",
  [HEADER.workflowRunId]: "wfr_replay",
  [HEADER.workflowCreatedAt]: "0",
  [HEADER.workflowInit]: "false",
  [HEADER.workflowSdkVersion]: PROTOCOL_VERSION,
  [HEADER.messageId]: "msg_replay",
  [HEADER.retried]: "0",
  [HEADER.delivery]: "v=1; hold=1; retries=0",
};

function offline(): Http {
  const refuse = async () => {
    throw new Error("a replay makes no requests");
  };
  return new Http({ baseUrl: BASE_URL, token: TOKEN, retry: false, fetch: refuse });
}

/** What a replay has come to see of the function. */
interface Seen {
  /** Names of the steps that it has asked for, by id. */
  readonly asked: string[];
}

/** Lets nothing be done for real: the first step that is not recorded ends the replay. */
function watch(execution: Execution, { asked }: Seen, onNew: () => void): void {
  const step = execution.step.bind(execution);
  const run = () => {
    onNew();
    return new Promise<never>(() => {});
  };
  Object.assign(execution, {
    step: <T>(call: StepCall<T>): Promise<T> => {
      asked.push(call.name);
      return step(call.work.type === "local" ? { ...call, work: { type: "local", run } } : call);
    },
  });
}

/** @param answer null when the function has come to a step of its own that is not recorded. */
function judge(answer: Answer | null, known: History, { asked }: Seen): Replayed {
  const error = answer === null || answer.status < 300 ? null : readError(answer.body);
  if (error?.name === "DivergenceError") return { ok: false, divergence: error.message };
  const missing = known.result(asked.length + 1) ?? known.plan(asked.length + 1);
  if (missing !== undefined && (error === null || asked.length === 0)) {
    const { stepName, stepType } = missing;
    return {
      ok: false,
      divergence: `step ${asked.length + 1} of this run is recorded as ${JSON.stringify(stepName)} (${stepType}), but the function does not call it`,
    };
  }
  if (error !== null) return { ok: true, state: "failed", error: error.message };
  if (answer !== null && /^\{"finish"/m.test(answer.body)) return { ok: true, state: "finished" };
  const next = asked.filter((_, index) => known.result(index + 1) === undefined);
  return { ok: true, state: "suspended", next };
}

function readError(body: string): { readonly name: string; readonly message: string } {
  // The SDK answers errors in this form.
  const { error = "Error", message = body } = JSON.parse(body) as {
    readonly error?: string;
    readonly message?: string;
  };
  return { name: error, message };
}
