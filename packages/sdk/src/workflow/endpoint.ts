import { QstashError, SignatureError } from "../errors.ts";
import { type Offer, parseOffer } from "../wire/fast-modes.ts";
import { HEADER } from "../wire/headers.ts";
import { type Answer, doneAnswer, errorAnswer, linesAnswer } from "./answer.ts";
import { submitCallResult } from "./call-result.ts";
import {
  AnswerCarrier,
  type Carrier,
  ClassicCarrier,
  ContinueCarrier,
  type Socket,
  SocketCarrier,
} from "./carrier.ts";
import { WorkflowContext } from "./context.ts";
import { Execution } from "./execution.ts";
import { runFailureFunction } from "./failure.ts";
import { readPayload } from "./payload.ts";
import { History, type RawStep } from "./records.ts";
import { regionOf } from "./region.ts";
import {
  kindOf,
  labelsOf,
  type RequestLike,
  runIdOf,
  userHeaders,
  workflowUrl,
} from "./request.ts";
import { type Environment, processEnvironment, type Settings, toSettings } from "./settings.ts";
import { startRun } from "./start.ts";
import type { RunFacts } from "./submission.ts";
import { isAuthorized, notAuthorized, visit } from "./visit.ts";
import { WarmRuns } from "./warm.ts";
import type { RouteFunction, ServeOptions } from "./workflow.ts";

/** What comes with a request besides itself. */
export interface Around {
  /** In place of the environment of the process. */
  readonly env?: Environment | undefined;
  /** The connection that has brought the delivery; it vouches for it, so that no signature is looked for. */
  readonly socket?: Socket | undefined;
  readonly bench?: Bench | undefined;
}

/** How the testing kit runs a workflow without a server. */
export interface Bench {
  /** In place of what options and environment say. */
  readonly settings: Partial<Settings>;
  /** Called before the function of a run begins. */
  readonly onBegin: (begun: {
    readonly execution: Execution;
    readonly context: WorkflowContext;
  }) => void;
}

/** A request that has been read and checked. */
export interface Read {
  readonly request: RequestLike;
  readonly body: string;
  readonly settings: Settings;
  readonly url: string;
  readonly socket: Socket | undefined;
  readonly bench: Bench | undefined;
  /** What the server offers with a delivery; null when it is the public wire alone. */
  readonly offer: Offer | null;
  /** Whether the offer is made use of. */
  readonly isFast: boolean;
}

/** A workflow behind a URL: everything that the server, or somebody who starts a run, may send there. */
export class Endpoint<Payload, Result> {
  readonly #route: RouteFunction<Payload, Result>;
  readonly #options: ServeOptions<Payload, Result>;
  readonly #warmRuns = new WarmRuns<Started>();
  #settings: Settings | null = null;

  constructor(
    route: RouteFunction<Payload, Result>,
    options: ServeOptions<Payload, Result> | undefined,
  ) {
    this.#route = route;
    // No option is needed.
    this.#options = options ?? ({} as ServeOptions<Payload, Result>);
    checkOptions(this.#options);
  }

  /** Never throws: what goes wrong is an answer. */
  async handle(request: RequestLike, around: Around = {}): Promise<Answer> {
    const { socket, bench } = around;
    const known = this.#settingsFor(around.env, request.headers.get(HEADER.region));
    const settings = bench === undefined ? known : { ...known, ...bench.settings };
    const offer = parseOffer(request.headers.get(HEADER.delivery));
    const isFast = offer !== null && (socket !== undefined || settings.mode !== "classic");
    try {
      const url = workflowUrl(request.url, settings);
      const body = await request.text();
      if (socket === undefined) await verify(request, body, settings);
      return await this.#dispatch({ request, body, settings, url, socket, bench, offer, isFast });
    } catch (error) {
      const shown = error instanceof Error ? error : new Error(String(error), { cause: error });
      await settings.watchers.tell("onError", { error: shown });
      return errorAnswer(error, { isFast });
    }
  }

  #dispatch(read: Read): Promise<Answer> {
    switch (kindOf(read.request.headers)) {
      case "steps":
        return this.#takeSteps(read);
      case "callResult":
        return this.#takeCallResult(read);
      case "failure":
        return this.#takeFailure(read);
      case "start":
        return this.#start(read, read.body, null);
      case "restart":
        return this.#restart(read);
    }
  }

  #settingsFor(env: Environment | undefined, regionHeader: string | null): Settings {
    const own = this.#options.env ?? env ?? processEnvironment();
    const region = regionOf(own, regionHeader);
    if (this.#settings?.env !== own || this.#settings.region !== region) {
      // Settings do not depend on payload and result.
      this.#settings = toSettings(this.#options as never, own, region);
    }
    return this.#settings;
  }

  async #takeSteps(read: Read): Promise<Answer> {
    const { request, settings, offer, isFast } = read;
    const runId = runIdOf(request.headers);
    const run = runFacts(read, runId);
    const warmKey = `${runId} ${run.createdAt}`;
    const kept = offer === null || offer.from === 0 ? null : this.#takeWarm(warmKey, offer, read);
    if (offer !== null && offer.from > 0 && kept === null) {
      return { ...linesAnswer([], { needsHistory: true }), status: 409 };
    }
    const started = kept ?? (await this.#startExecution(read, run));
    if (started === null) return doneAnswer(runId, "workflow-already-ended");
    const { execution, context, facts } = started;
    if (execution.history.isLastRepeated) {
      return isFast ? linesAnswer([], {}) : doneAnswer(runId, "duplicate-step");
    }
    facts.retried = retriedOf(request);
    const carrier = makeCarrier(read, run, isFast ? offer : null);
    if (execution.history.count === 1) await settings.watchers.tell("runStarted", { context });
    return visit({
      execution,
      carrier,
      context,
      run,
      watchers: settings.watchers,
      retried: facts.retried,
      retries: offer?.retries ?? null,
      parallel: settings.parallel,
      keep: () => (isFast && settings.isWarm ? this.#keep(warmKey, started) : undefined),
    });
  }

  #keep(key: string, started: Started): { readonly process: string; readonly known: number } {
    this.#warmRuns.put(key, started);
    return { process: this.#warmRuns.process, known: started.execution.history.count };
  }

  /** The suspended function of the run, with the records that it does not know yet; null when it is not kept here. */
  #takeWarm(key: string, offer: Offer, { body }: Read): Started | null {
    if (offer.warm !== this.#warmRuns.process) return null;
    const kept = this.#warmRuns.take(key);
    if (kept === null) return null;
    const { history } = kept.execution;
    // Written by the server for this process.
    const { from, records } = JSON.parse(body) as PartialList;
    if (history.count < from) return null;
    // Of parallel steps a later delivery may have come first: the function has gone on with that one's step and cannot go back.
    if (history.count > from + records.length) {
      this.#warmRuns.put(key, kept);
      return null;
    }
    history.append(records.slice(history.count - from));
    return kept;
  }

  /** Null when the run has ended. */
  async #startExecution(read: Read, run: RunFacts): Promise<Started | null> {
    const items = await readList(read, run.runId);
    if (items === null) return null;
    const history = new History();
    history.append(items);
    const payload = await readPayload(history.payload, this.#options);
    return this.#begin({ read, run, history, payload });
  }

  #begin(source: {
    readonly read: Read;
    readonly run: RunFacts;
    readonly history: History;
    readonly payload: Payload;
  }): Started {
    const { read, run, history, payload } = source;
    const { request, settings } = read;
    const execution = new Execution(history);
    const facts = { retried: retriedOf(request) };
    const context = new WorkflowContext<Payload>({
      execution,
      http: settings.http,
      workflowRunId: run.runId,
      workflowRunCreatedAt: run.createdAt,
      url: run.url,
      payload,
      headers: userHeaders(request.headers),
      env: settings.env,
      labels: labelsOf(request.headers),
      retried: () => facts.retried,
    });
    // Whoever watches knows no payload.
    read.bench?.onBegin({ execution, context: context as WorkflowContext });
    execution.start(() => this.#route(context));
    return { execution, context, facts };
  }

  async #takeCallResult(read: Read): Promise<Answer> {
    const { request, settings, body } = read;
    const run = runFacts(read, runIdOf(request.headers));
    // The author's checks of headers run; a payload is not at hand.
    // The function is let go of at its first step.
    const payload = JSON.parse(body) as Payload;
    const { execution } = this.#begin({ read, run, history: new History(), payload });
    if (!(await isAuthorized(execution))) return notAuthorized(run.runId);
    const carrier = read.isFast ? new AnswerCarrier() : new ClassicCarrier(settings.http, run);
    return submitCallResult({ read, run, carrier });
  }

  async #takeFailure(read: Read): Promise<Answer> {
    const { failureFunction } = this.#options;
    return runFailureFunction(read, failureFunction, async (run, payloadText) => {
      const payload = await readPayload(payloadText, this.#options);
      const history = new History();
      const { execution, context } = this.#begin({ read, run, history, payload });
      return {
        isAuthorized: await isAuthorized(execution),
        // The context is that of this workflow's payload.
        context: context as WorkflowContext<Payload>,
      };
    });
  }

  async #start(read: Read, payloadText: string, runId: string | null): Promise<Answer> {
    const run = { ...runFacts(read, runId ?? ""), createdAt: 0 };
    const payload = await readPayload(payloadText, this.#options);
    const { execution } = this.#begin({ read, run, history: new History(), payload });
    if (!(await isAuthorized(execution))) return notAuthorized(runId ?? "no-workflow-id");
    return startRun(read, payloadText, runId);
  }

  async #restart(read: Read): Promise<Answer> {
    const runId = runIdOf(read.request.headers);
    const items = await readList(read, runId);
    if (items === null) return doneAnswer(runId, "workflow-already-ended");
    const history = new History();
    history.append(items);
    return this.#start(read, history.payload, runId);
  }
}

/** A function under way. */
interface Started {
  readonly execution: Execution;
  readonly context: WorkflowContext;
  /** What is true of the delivery that goes on with it. */
  readonly facts: { retried: number };
}

interface PartialList {
  readonly from: number;
  readonly records: readonly RawStep[];
}

function checkOptions({
  failureFunction,
  failureUrl,
}: {
  readonly failureFunction?: unknown;
  readonly failureUrl?: unknown;
}): void {
  if (failureFunction === undefined || failureUrl === undefined) return;
  throw new QstashError(
    "failureFunction and failureUrl exclude each other: the failure of a run is reported to one place; call the URL from the function, or drop one of them",
  );
}

function runFacts({ request, url }: Read, runId: string): RunFacts {
  const { headers } = request;
  return {
    runId,
    createdAt: Number(headers.get(HEADER.workflowCreatedAt) ?? 0),
    url,
    invokeCount: Number(headers.get(HEADER.workflowInvokeCount) ?? 0),
  };
}

function retriedOf({ headers }: RequestLike): number {
  return Number(headers.get(HEADER.retried) ?? 0);
}

/** The list of the delivery, fetched when it was too long to be sent; null when the run has ended. */
async function readList(
  { request, body, settings }: Read,
  runId: string,
): Promise<readonly RawStep[] | null> {
  if (body !== "") return JSON.parse(body) as readonly RawStep[]; // Signed by the server.
  try {
    const path = ["v2", "workflows", "runs", runId];
    const items = await settings.http.json<readonly RawStep[]>({ method: "GET", path });
    return items.length === 1 ? items : untilMessage(items, request.headers.get(HEADER.messageId));
  } catch (error) {
    if (error instanceof QstashError && error.status === 404) return null;
    throw error;
  }
}

/** Later records are the business of later deliveries. */
function untilMessage(items: readonly RawStep[], messageId: string | null): readonly RawStep[] {
  const index = items.findIndex((item) => item.messageId === messageId);
  if (index !== -1) return items.slice(0, index + 1);
  throw new QstashError(`the list of steps that was fetched has no message ${messageId}`);
}

function makeCarrier(read: Read, run: RunFacts, offer: Offer | null): Carrier {
  const { settings, request, socket } = read;
  if (offer === null) return new ClassicCarrier(settings.http, run);
  if (socket !== undefined) return new SocketCarrier(socket);
  const messageId = request.headers.get(HEADER.messageId);
  if (settings.mode !== "continued" || messageId === null) return new AnswerCarrier();
  const endsAt = Date.now() + settings.continueMs;
  return new ContinueCarrier({
    http: settings.http,
    run,
    hold: { messageId, hold: offer.hold },
    mayGoOn: () => Date.now() < endsAt,
  });
}

/** @throws SignatureError when the request does not come from the server. */
async function verify(
  { headers }: RequestLike,
  body: string,
  { receiver }: Settings,
): Promise<void> {
  if (receiver === undefined) return;
  const signature = headers.get(HEADER.signature);
  if (signature === null) {
    throw new SignatureError(
      "the request has no Upstash-Signature: start runs through the server (client.trigger), or serve without signing keys (QSTASH_CURRENT_SIGNING_KEY, QSTASH_NEXT_SIGNING_KEY) if anybody may call this endpoint",
    );
  }
  const region = headers.get(HEADER.region);
  const isValid = await receiver.verify({
    signature,
    body,
    ...(region === null ? {} : { upstashRegion: region }),
  });
  if (!isValid) throw new SignatureError("the signature of the request is not valid");
}
