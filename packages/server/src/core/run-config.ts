import { type FlowControl, HEADER, RETRIES_DEFAULT, type Redaction } from "@reprise/protocol";
import type { MessageKind } from "./rows.ts";
import type { TraceContext } from "./trace.ts";

/**
 * What a run and its messages were started with. Both are stored as JSON and never searched; columns that filters need
 * stand in the rows themselves.
 */

/** Where a failure is reported, and what the report's message brings along. */
export interface FailureCallback {
  readonly url: string;
  readonly config: MessageConfig;
}

export interface Invoker {
  readonly workflowRunId: string;
  readonly workflowUrl: string;
  readonly workflowRunCreatedAt: number;
}

/** What one message brought along itself; absent fields fall back to the run's. */
export interface MessageConfig {
  /** Headers for the destination, lower-case names. */
  readonly forward: Readonly<Record<string, string>>;
  readonly contentType?: string;
  readonly method?: string;
  readonly retries?: number;
  readonly retryDelay?: string;
  readonly timeoutMs?: number;
  readonly flowControl?: FlowControl;
  readonly failureCallback?: FailureCallback;
  /** The endpoint that sent this cannot fetch its list, whatever whoever triggered the run believes. */
  readonly isInline?: true;
}

/** What somebody who resumed or restarted a run has laid down for the rest of it. */
export interface LaidDown {
  readonly retries?: number;
  readonly retryDelay?: string;
  readonly flowControl?: FlowControl;
  readonly labels?: readonly string[];
  readonly failureCallbackUrl?: string;
}

export interface RunConfig {
  /** True when the trigger's settings hold for the whole run (`WF_TriggerOnConfig`); else each message lives by its own. */
  readonly isPersistent: boolean;
  readonly retries: number;
  readonly retryDelay: string | null;
  readonly timeoutMs: number | null;
  readonly flowControl: FlowControl | null;
  readonly labels: readonly string[];
  readonly redaction: Redaction | null;
  /** User headers for every delivery to the workflow, lower-case names; never `upstash-workflow-*`. */
  readonly forward: Readonly<Record<string, string>>;
  readonly failureCallback: FailureCallback | null;
  readonly featureSet: readonly string[];
  /** The first 2xx must come from a workflow (`WF_DetectTrigger`), or the run fails at once. */
  readonly isDetecting: boolean;
  /** Started over REST: the first 2xx must also name an SDK of version 1.0.0 or later. */
  readonly requiresSdkHeader: boolean;
  /** First contact with an endpoint whose SDK the caller did not know: `pending` until the SDK has triggered again. */
  readonly hop: "none" | "pending" | "done";
  readonly invoker: Invoker | null;
  /**
   * Given, and perhaps empty, when the run was resumed or restarted. It wins over the settings of every message; the run's own
   * hold where a message brings none, which helps an app that has moved to an SDK whose messages bring none.
   */
  readonly laidDown?: LaidDown;
  /** The trace that the run belongs to; absent when nobody traces. */
  readonly trace?: TraceContext;
}

export const emptyMessageConfig: MessageConfig = { forward: {} };

export function parseRunConfig(json: string): RunConfig {
  // The text was written by `JSON.stringify` of a RunConfig; nobody else writes this column.
  return JSON.parse(json) as RunConfig;
}

export function parseMessageConfig(json: string | null): MessageConfig {
  // As above: this column holds nothing but a stringified MessageConfig.
  return json === null ? emptyMessageConfig : (JSON.parse(json) as MessageConfig);
}

/** Settings that decide about attempts, after the run's and the message's own have been merged. */
export interface Effective {
  readonly retries: number;
  readonly retryDelay: string | null;
  readonly timeoutMs: number;
  readonly failureCallback: FailureCallback | null;
}

/** A persistent run's settings win, which is what the trigger asked for; otherwise the message's own hold. */
export function effectiveConfig(
  run: RunConfig,
  message: MessageConfig,
  timeoutMsDefault: number,
): Effective {
  const { laidDown } = run;
  if (run.isPersistent) {
    return {
      retries: run.retries,
      retryDelay: run.retryDelay,
      timeoutMs: run.timeoutMs ?? timeoutMsDefault,
      failureCallback: run.failureCallback,
    };
  }
  const fallback = laidDown === undefined ? null : run;
  const callback = message.failureCallback ?? fallback?.failureCallback ?? null;
  return {
    retries: laidDown?.retries ?? message.retries ?? fallback?.retries ?? RETRIES_DEFAULT,
    retryDelay: laidDown?.retryDelay ?? message.retryDelay ?? fallback?.retryDelay ?? null,
    timeoutMs: message.timeoutMs ?? fallback?.timeoutMs ?? timeoutMsDefault,
    failureCallback: laidDown === undefined ? callback : overrideCallback(callback, laidDown),
  };
}

/** The app reads its labels from a header that goes with every delivery. */
export function withLabels(
  forward: Readonly<Record<string, string>>,
  { labels }: LaidDown,
): Readonly<Record<string, string>> {
  return labels === undefined ? forward : { ...forward, [HEADER.label]: labels.join(",") };
}

export function overrideCallback(
  callback: FailureCallback | null,
  laidDown: LaidDown,
): FailureCallback | null {
  const url = laidDown.failureCallbackUrl ?? callback?.url;
  if (url === undefined) return null;
  const config = callback?.config ?? { forward: {} };
  return { url, config: { ...config, forward: withLabels(config.forward, laidDown) } };
}

/**
 * The settings of one message of a run. Calls of services and failure calls live by what they bring along; the answer of a call takes
 * from the run what it does not bring.
 */
export function settingsOf(
  kind: MessageKind,
  config: { readonly run: RunConfig; readonly own: MessageConfig },
  timeoutMsDefault: number,
): Effective {
  const { run, own } = config;
  const given = {
    retries: own.retries ?? RETRIES_DEFAULT,
    retryDelay: own.retryDelay ?? null,
    timeoutMs: own.timeoutMs ?? timeoutMsDefault,
    failureCallback: null,
  };
  if (kind === "call" || kind === "failureCall") return given;
  const effective = effectiveConfig(run, own, timeoutMsDefault);
  if (kind !== "callResult") return effective;
  return {
    retries: run.laidDown?.retries ?? own.retries ?? effective.retries,
    retryDelay: run.laidDown?.retryDelay ?? own.retryDelay ?? effective.retryDelay,
    timeoutMs: own.timeoutMs ?? effective.timeoutMs,
    failureCallback: effective.failureCallback ?? run.failureCallback,
  };
}
