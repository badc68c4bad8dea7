import { randomId } from "../wire/random-id.ts";
import type { AnyWorkflow, ServeOptions } from "../workflow/workflow.ts";
import { lowerCase } from "./header-lists.ts";
import { ModelServer, type TestMode } from "./model-server.ts";
import { Stubs, toDeliver } from "./stubs.ts";
import { TestRun } from "./test-run.ts";
import { deliverTo, type Testable } from "./testable.ts";

/** How a workflow is run in a test. */
export interface TestOptions<Payload = unknown, Result = unknown> {
  readonly payload?: Payload;
  readonly headers?: Readonly<Record<string, string>>;
  /** `context.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly label?: string | readonly string[];
  /** Attempts after the first one; 3 when not given, as on the server. */
  readonly retries?: number;
  /** Expression over `retried`, in milliseconds. */
  readonly retryDelay?: string;
  /** Where the virtual clock starts; the real time when not given. */
  readonly now?: Date | number;
  /** Told of every move of the clock: `onClock: (now) => vi.setSystemTime(now)`. */
  readonly onClock?: (now: Date) => void;
  /** Options of `serve`, for a function that is tested by itself. */
  readonly serve?: ServeOptions<Payload, Result>;
  /** Workflows that are served beside this one, by name. */
  readonly workflows?: Readonly<Record<string, AnyWorkflow>>;
  /** URL of the workflow, when its code looks at it, or for one of several behind one handler. */
  readonly url?: string;
  /** How results reach the server; what a workflow does must not depend on it. Default: `answered`. */
  readonly mode?: TestMode;
  /** Whether suspended functions are kept. Default: no, so that each delivery replays from the start. */
  readonly warm?: boolean;
  /** Of a parallel group: each step in a delivery of its own, or all in one. */
  readonly parallel?: "fanout" | "invocation";
  /** `random` shuffles which branch ends first. Default: the order of the calls. */
  readonly order?: "called" | "random";
  /** Of the random order; the same seed gives the same order. */
  readonly seed?: number;
}

const URL_DEFAULT = "http://app.test/workflow";
const RETRIES_DEFAULT = 3;

/** Runs a workflow in this process, with a virtual clock and without a server. Nothing happens before the test waits for something. */
export function testWorkflow<Payload = unknown, Result = unknown>(
  target: Testable<Payload, Result>,
  options: TestOptions<Payload, Result> = {},
): TestRun<Result> {
  const { url = URL_DEFAULT, now = Date.now(), order = "called", seed = 1 } = options;
  const { payload, headers = {}, label = [], retryDelay = null } = options;
  const stubs = new Stubs();
  const server = new ModelServer({
    now: Number(now),
    seed: order === "random" ? seed : null,
    onClock: options.onClock,
    mode: options.mode ?? "answered",
    isWarm: options.warm ?? false,
    parallel: options.parallel,
    env: options.env ?? {},
    stubs,
  });
  const deliver = deliverTo(target, options.serve);
  server.workflows.set(url, deliver);
  for (const [name, workflow] of Object.entries(options.workflows ?? {})) {
    workflow.workflowId ??= name;
    server.workflows.set(new URL(encodeURIComponent(name), url).href, toDeliver(workflow));
  }
  const run = server.startAndSend({
    id: `wfr_${randomId()}`,
    url,
    deliver,
    payload: payloadText(payload),
    headers: lowerCase(headers),
    labels: typeof label === "string" ? [label] : label,
    retries: options.retries ?? RETRIES_DEFAULT,
    retryDelay,
    invokeCount: 0,
    invoker: null,
  });
  return new TestRun<Result>({ server, run, stubs });
}

/** A text is sent as it is, everything else as JSON. */
function payloadText(payload: unknown): string {
  if (payload === undefined) return "";
  return typeof payload === "string" ? payload : JSON.stringify(payload);
}
