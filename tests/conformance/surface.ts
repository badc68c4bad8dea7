import type { RawStep, RunResource, WaiterResource } from "@reprise/protocol";
import { serveMany as serveOwn } from "@reprise/sdk";
import { Client as QstashClient } from "@upstash/qstash";
import type { WorkflowContext } from "@upstash/workflow";
import { createWorkflow, serveMany } from "@upstash/workflow/nextjs";
import type { Received } from "./app.ts";
import { around as aroundDelivery } from "./connected-routes.ts";
import { sdkMode, sdkOptions } from "./sdk.ts";
import { until } from "./until.ts";
import type { World } from "./world.ts";

/** What the tests of all kinds of steps look at. */

/** What the run's route function has returned. */
export function resultOf<T = unknown>({ workflowRunResponse }: RunResource): T {
  // The caller knows what its own workflow returns.
  return (workflowRunResponse === undefined ? undefined : JSON.parse(workflowRunResponse)) as T;
}

/** Runs a workflow to its end and gives what its route function has returned. */
export async function resultAt<T = unknown>(world: World, url: string): Promise<T> {
  return resultOf<T>(await world.succeeded(await world.trigger({ url })));
}

export async function waitersFor(
  world: World,
  eventId: string,
): Promise<readonly WaiterResource[]> {
  const { status, json, text } = await world.call("GET", `/v2/waiters/${eventId}`);
  if (status !== 200) throw new Error(text);
  return json as readonly WaiterResource[]; // The tests of waiters check the shape.
}

/** Waits until this many steps wait for the event, and gives their waiters. */
export async function waiting(
  world: World,
  eventId: string,
  count = 1,
): Promise<readonly WaiterResource[]> {
  return until(`${count} waiters for ${eventId}`, async () => {
    const waiters = await waitersFor(world, eventId);
    return waiters.length === count && waiters;
  });
}

/** The records of a live run, as an SDK that fetches them reads them; without the payload. */
export async function recordsOf(
  world: World,
  runId: string,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const { json } = await world.call("GET", `/v2/workflows/runs/${runId}`);
  // The tests of lazy fetching check the shape.
  const [, ...steps] = json as readonly RawStep[];
  return steps.map(({ body }) => JSON.parse(Buffer.from(body, "base64").toString()));
}

/** Deliveries of the answers of calls among all that a workflow has got. */
export function callbacksAmong(received: readonly Received[]): readonly Received[] {
  return received.filter(({ headers }) => headers["upstash-workflow-callback"] === "true");
}

interface FlowControl {
  readonly parallelismMax: number;
  readonly parallelismCount: number;
  readonly waitListSize: number;
}

export async function flowControlOf(world: World, key: string): Promise<FlowControl> {
  const { json } = await world.call("GET", `/v2/flowControl/${key}`);
  return json as FlowControl; // The tests of flow control check the shape.
}

/** What the last error of a run says; those of calls that have failed come before what follows from them. */
export function faultOf(run: RunResource): { readonly status: number; readonly body: string } {
  const errors = run.steps.flatMap(({ steps }) => steps.flatMap((step) => step.errors ?? []));
  const { status, body } = errors.at(-1) ?? {};
  return { status: status ?? 0, body: body ?? "" };
}

type Routes = Parameters<typeof serveMany>[0];

interface TogetherOptions {
  /** The app does all its work twice, as after a crash between its work and its answer. */
  readonly isTwice?: boolean;
  /** Stands around the work of each request. */
  readonly around?: (path: string, work: () => Promise<Response>) => Promise<Response>;
}

/** Several workflows under one path, which can invoke each other; gives the URL of each. */
export function serveTogether(
  world: World,
  workflows: Routes,
  { isTwice = false, around = (_path, work) => work() }: TogetherOptions = {},
): (name: string) => string {
  const qstashClient = new QstashClient({ baseUrl: world.server.url, token: world.token });
  const options = { qstashClient, receiver: world.app.receiver, ...sdkOptions };
  if (sdkMode === "connected")
    return connectTogether(world, workflows, { isTwice, around, options });
  const { POST } = serveMany(workflows, options);
  for (const name of Object.keys(workflows)) {
    const path = `/many/${name}`;
    world.app.on(path, async (request) => {
      if (isTwice) await POST(request.clone());
      return around(path, () => POST(request));
    });
  }
  return (name) => `${world.app.url}/many/${name}`;
}

/** The same by the connection of an app. */
function connectTogether(
  world: World,
  workflows: Routes,
  { isTwice, around, options }: Required<TogetherOptions> & { readonly options: object },
): (name: string) => string {
  // In this mode the workflows are those of our SDK.
  const own = workflows as unknown as Parameters<typeof serveOwn>[0];
  const { handleRequest } = serveOwn(own, options);
  const handles = Object.keys(workflows).map((name) => {
    const path = `/many/${name}`;
    const handle = aroundDelivery(handleRequest, async (work) => {
      if (isTwice) await work();
      return around(path, work);
    });
    return [path, handle] as const;
  });
  const origin = world.app.connected?.add(Object.fromEntries(handles));
  return (name) => `${origin}/many/${name}`;
}

type Route<T, R> = (context: WorkflowContext<T>) => Promise<R>;
type WorkflowOptions<T> = Parameters<typeof createWorkflow<T, unknown>>[1];

/** A workflow that others can invoke. */
export function invokable<T = unknown, R = unknown>(
  route: Route<T, R>,
  options?: WorkflowOptions<T>,
) {
  // Nothing in the options depends on the result.
  return createWorkflow<T, R>(route, options as Parameters<typeof createWorkflow<T, R>>[1]);
}

/** A promise that the test settles. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

interface RawCall {
  readonly url: string;
  readonly workflow: { readonly url: string; readonly runId: string };
  readonly stepId?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A call that no SDK submits. */
export function submitCall(world: World, { url, workflow, stepId = 2, headers }: RawCall) {
  const item = {
    destination: url,
    headers: {
      "upstash-method": "GET",
      "upstash-retries": "0",
      "upstash-workflow-init": "false",
      "upstash-workflow-runid": workflow.runId,
      "upstash-workflow-url": workflow.url,
      "upstash-workflow-calltype": "toCallback",
      "upstash-callback": workflow.url,
      "upstash-callback-workflow-runid": workflow.runId,
      "upstash-callback-workflow-calltype": "fromCallback",
      "upstash-callback-workflow-init": "false",
      "upstash-callback-forward-upstash-workflow-callback": "true",
      "upstash-callback-forward-upstash-workflow-stepid": String(stepId),
      "upstash-callback-forward-upstash-workflow-stepname": "ask",
      "upstash-callback-forward-upstash-workflow-steptype": "Call",
      "upstash-callback-forward-upstash-workflow-concurrent": "1",
      "upstash-callback-forward-upstash-workflow-contenttype": "application/json",
      ...headers,
    },
  };
  return world.call("POST", "/v2/batch", { body: JSON.stringify([item]) });
}
