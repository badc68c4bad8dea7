import { setImmediate as turn } from "node:timers/promises";
import {
  type DeadLetterResource,
  isJsonObject,
  type RunAnswer,
  type RunResource,
  type WorkflowEventResource,
} from "@reprise/protocol";
import { Hono } from "hono";
import { expect, onTestFinished } from "vitest";
import { assert } from "../core/assert.ts";
import type { StartRun } from "../core/commands.ts";
import type { Outcome } from "../core/outcome.ts";
import type { RunConfig } from "../core/run-config.ts";
import { type ConnectedApps, noConnectedApps } from "../engine/connected-apps.ts";
import { Engine } from "../engine/engine.ts";
import { DEFAULT_LIMITS } from "../engine/limits.ts";
import { TokenRing } from "../engine/token-ring.ts";
import type { Host, OutgoingRequest, Timer } from "../host/host.ts";
import { withLockCheck } from "../store/lock-check.ts";
import { passOnStore } from "../store/pass-on.ts";
import { openSqliteStore } from "../store/sqlite.ts";
import type { Condition, Store } from "../store/store.ts";
import { createBulkRunner } from "./bulk-runner.ts";
import { errorResponse } from "./errors.ts";
import { createAnswerReader } from "./read-answer.ts";
import { peerOf } from "./request.ts";
import type { ApiEnv, ApiRoom } from "./room.ts";
import { batchRoutes } from "./routes/batch.ts";
import { bulkActionRoutes } from "./routes/bulk-actions.ts";
import { cancelRunsRoutes } from "./routes/cancel-runs.ts";
import { deadLetterRoutes } from "./routes/dead-letters.ts";
import { deadMessageRoutes } from "./routes/dead-messages.ts";
import { failureGroupRoutes } from "./routes/failure-groups.ts";
import { holdDeadRoutes } from "./routes/hold-dead.ts";
import { messageRoutes } from "./routes/messages.ts";
import { runLogRoutes } from "./routes/run-logs.ts";
import { runRoutes } from "./routes/runs.ts";

/** A server on a store in memory, in a world whose clock, chance and network a test decides about. */

export type App = (request: AppRequest) => Outcome | Promise<Outcome>;

export interface AppRequest extends OutgoingRequest {
  readonly runId: string;
  readonly text: string;
}

export interface Reply {
  readonly status: number;
  readonly body: AnswerBody;
}

/** The fields of all answers together: a test reads those of the request that it has sent. */
export interface AnswerBody extends DeadLetterResource, RunAnswer {
  readonly error: string;
  readonly messages: readonly DeadLetterResource[];
  readonly runs: readonly RunResource[];
  readonly events: readonly WorkflowEventResource[];
  readonly workflowRuns: readonly RunAnswer[];
  readonly cursor: string;
  readonly deleted: number;
  readonly cancelled: number;
}

export interface World {
  readonly room: ApiRoom;
  /** While true, no transaction can be committed. */
  isDiskFull: boolean;
  readonly store: Store;
  readonly engine: Engine;
  readonly host: ScriptedHost;
  /** Sends a request to the server. */
  call(target: string, init?: RequestInit): Promise<Reply>;
  /** Waits until `fact` gives something; the world goes on meanwhile, its clock does not. */
  until<T>(fact: () => Promise<T | null | undefined | false>): Promise<T>;
  /** Starts a run and returns its id. */
  start(options?: StartOptions): Promise<string>;
  /** Starts a run whose first delivery fails for good, and returns its dead letter's public id. */
  fail(options?: StartOptions): Promise<Failed>;
  /** The one run with this id, as the logs show it. */
  log(runId: string): Promise<RunResource>;
}

export interface Failed {
  readonly runId: string;
  readonly dlqId: string;
  readonly key: number;
}

export interface StartOptions {
  readonly runId?: string;
  readonly url?: string;
  readonly payload?: Uint8Array | string;
  readonly callerIp?: string;
  readonly config?: Partial<RunConfig>;
  readonly delayMs?: number;
}

export interface ScriptedHost extends Host {
  app: App;
  /** Moves the clock and lets what has become due happen. */
  advance(byMs: number): Promise<void>;
  readonly logged: string[];
}

export const APP_URL = "https://app.example/order";
const START_AT = 1_750_000_000_000;
const TURNS_MAX = 20_000;

export function createScriptedHost(): ScriptedHost {
  let now = START_AT;
  let random = 1;
  const timers = new Set<{ readonly dueAt: number; readonly callback: () => void }>();
  const setTimer = (dueAt: number, callback: () => void): Timer => {
    const timer = { dueAt, callback };
    timers.add(timer);
    return { cancel: () => timers.delete(timer) };
  };
  const host: ScriptedHost = {
    app: () => respond(500, "boom"),
    logged: [],
    now: () => now,
    setTimer,
    setDelay: (delayMs, callback) => setTimer(now + delayMs, callback),
    nextTurn: () => turn(),
    randomBytes: (count) => {
      const bytes = new Uint8Array(count);
      for (let index = 0; index < count; index += 1) {
        random = (random * 1_103_515_245 + 12_345) % 2_147_483_648;
        bytes[index] = random >> 16;
      }
      return bytes;
    },
    fetch: async (request) =>
      host.app({
        ...request,
        runId: request.headers["upstash-workflow-runid"] ?? "",
        text:
          typeof request.body === "string" ? request.body : Buffer.from(request.body).toString(),
      }),
    log: (level, event, fields) => {
      host.logged.push(`${level} ${event} ${JSON.stringify(fields)}`);
    },
    advance: async (byMs) => {
      now += byMs;
      for (const timer of [...timers].toSorted((a, b) => a.dueAt - b.dueAt)) {
        if (timer.dueAt > now || !timers.delete(timer)) continue;
        timer.callback();
        await turn();
      }
    },
  };
  return host;
}

/** @param openConnected makes the apps that may connect; none when not given. */
export async function createWorld(
  openConnected: (host: Host) => ConnectedApps = () => noConnectedApps,
): Promise<World> {
  const host = createScriptedHost();
  const disk = { isFull: false };
  const violations: string[] = [];
  const opened = await openSqliteStore({ path: ":memory:" });
  const store = onDisk(opened, disk);
  const checked = onDisk(
    withLockCheck(opened, (text) => violations.push(text)),
    disk,
  );
  onTestFinished(() => expect(violations).toEqual([]));
  const signingKeys = () => ({
    current: "sig_current",
    next: "sig_next",
    rotatedAt: null,
    since: 0,
  });
  const limits = {
    attemptTimeoutMs: 60_000,
    perOriginMax: 50,
    parallelismMax: 2_000,
    perOriginWaitingMax: 1_000,
    inlineCharsMax: 1_000_000,
    responseBytesMax: 1_000_000,
    groupRequestsMax: 100,
    groupBytesMax: 1_000_000,
    inboxRequestsMax: 10_000,
    configCacheEntriesMax: 100,
    historyCharsMax: 1_000_000,
    lingerMs: 0,
    storeRetryMs: 1,
    pollMs: 1_000,
    claimMax: 100,
  };
  const settings = {
    ...DEFAULT_LIMITS,
    attemptTimeoutMs: limits.attemptTimeoutMs,
    bodyBytesMax: 1_000_000,
    batchBytesMax: 1_000_000,
    retriesMax: 20,
    schedulesMax: 5,
    isLoopbackOnly: false,
    checkEgress: () => {},
    trustedProxies: [],
    publicUrl: null,
  };
  const readAnswer = createAnswerReader({ host, settings });
  const connected = openConnected(host);
  const engine = new Engine({
    host,
    store: checked,
    keys: signingKeys,
    readAnswer,
    limits,
    connected,
  });
  const bulkRunner = createBulkRunner({ engine, store, host });
  const room: ApiRoom = {
    engine,
    bulkRunner,
    store,
    host,
    credentials: {
      scopeOf: () => "full",
      tokens: await TokenRing.open({ store, host, given: [] }),
      signingKeys,
      rotateSigningKeys: async () => signingKeys(),
      cursorSecret: new Uint8Array(32).fill(7),
    },
    settings,
  };
  engine.start();
  onTestFinished(async () => {
    const stopped = engine.stop(0);
    // Attempts that a test never answers are given up when the drain time is over, which is now.
    await host.advance(0);
    await stopped;
    await store.close();
  });
  return toWorld(room, host, disk);
}

interface Disk {
  isFull: boolean;
}

/** The store as it is, but for its commits, which a full disk refuses. */
function onDisk(store: Store, disk: Disk): Store {
  return passOnStore(store, {
    transaction: (work) =>
      store.transaction(async (transaction) => {
        const result = await work(transaction);
        if (disk.isFull) throw new Error("the disk is full");
        return result;
      }),
  });
}

function toWorld(room: ApiRoom, host: ScriptedHost, disk: Disk): World {
  const { store, engine } = room;
  const app = createApp(room);
  const call = async (target: string, init: RequestInit = {}): Promise<Reply> => {
    const request = new Request(new URL(target, "http://reprise.test"), init);
    const response = await app.fetch(request, peerOf(request));
    const text = await response.text();
    return { status: response.status, body: text === "" ? null : JSON.parse(text) };
  };
  let runs = 0;
  const until: World["until"] = async (fact) => {
    for (let turns = 0; turns < TURNS_MAX; turns += 1) {
      const found = await fact();
      if (found !== null && found !== undefined && found !== false) return found;
      // Outcomes linger until a timer takes them; it is always due.
      await host.advance(0);
      await turn();
    }
    throw new Error(`nothing came true; the server said:\n${host.logged.join("\n")}`);
  };
  const start: World["start"] = async (options = {}) => {
    runs += 1;
    const command = startCommand(options, `wfr_${runs}`, host.now());
    await engine.execute([command]);
    return command.runId;
  };
  const fail: World["fail"] = async (options = {}) => {
    const last = await newestDeadLetter([], room);
    const runId = await start({ ...options, config: { retries: 0, ...options.config } });
    return until(async () => {
      const row = await newestDeadLetter([{ type: "in", column: "runId", values: [runId] }], room);
      if (row === undefined || row.key === last?.key) return null;
      return { runId, dlqId: `${row.createdAt}-${row.key}`, key: row.key };
    });
  };
  const log: World["log"] = async (runId) => {
    const reply = await call(`/v2/workflows/logs?workflowRunId=${runId}`);
    assert(reply.status === 200, `the logs must answer 200, got ${JSON.stringify(reply)}`);
    const [found] = reply.body.runs;
    assert(found !== undefined, `there must be a run ${runId}`);
    return found;
  };
  return {
    ...{ room, store, engine, host, call, until, start, fail, log },
    get isDiskFull() {
      return disk.isFull;
    },
    set isDiskFull(isFull) {
      disk.isFull = isFull;
    },
  };
}

function createApp(room: ApiRoom): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>();
  app.onError((error) => errorResponse(error, room.host));
  const runs = [batchRoutes, runRoutes, deadLetterRoutes, runLogRoutes, cancelRunsRoutes];
  const all = [
    failureGroupRoutes,
    ...runs,
    deadMessageRoutes,
    holdDeadRoutes,
    messageRoutes,
    bulkActionRoutes,
  ];
  for (const routes of all) app.route("/", routes(room));
  return app;
}

async function newestDeadLetter(where: readonly Condition<"deadLetters">[], { store }: ApiRoom) {
  const [row] = await store.list("deadLetters", { where, order: "descending", limit: 1 });
  return row;
}

function startCommand(options: StartOptions, runId: string, now: number): StartRun {
  const { payload = "{}" } = options;
  return {
    type: "startRun",
    runId: options.runId ?? runId,
    url: options.url ?? APP_URL,
    payload: typeof payload === "string" ? new TextEncoder().encode(payload) : payload,
    config: {
      isPersistent: true,
      retries: 3,
      retryDelay: null,
      timeoutMs: null,
      flowControl: null,
      labels: [],
      redaction: null,
      forward: {},
      failureCallback: null,
      featureSet: [],
      isDetecting: false,
      requiresSdkHeader: false,
      hop: "none",
      invoker: null,
      ...options.config,
    },
    messageConfig: { forward: { "upstash-workflow-sdk-version": "1" } },
    callerIp: options.callerIp ?? "203.0.113.7",
    dueAt: now + (options.delayMs ?? 0),
    isTriggeredBySdk: false,
  };
}

/** A response of the app. */
export function respond(
  status: number,
  body: string | Uint8Array = "",
  headers: Readonly<Record<string, readonly string[]>> = {},
): Outcome {
  return {
    type: "response",
    status,
    headers,
    body: typeof body === "string" ? new TextEncoder().encode(body) : body,
    isTruncated: false,
  };
}

/** What a workflow does in a delivery: it looks at the records so far and submits, ends, fails or waits. */
export type Move =
  | { readonly type: "submit"; readonly records: readonly StepFields[] }
  | { readonly type: "finish"; readonly result?: string }
  | { readonly type: "answer"; readonly outcome: Outcome };

export interface StepFields {
  readonly stepId: number;
  readonly targetStep?: number;
  readonly stepName: string;
  readonly stepType: string;
  readonly out?: string;
  readonly concurrent: number;
  readonly sleepFor?: number;
  readonly sleepUntil?: number;
  readonly delay?: string;
}

/** An app that speaks the protocol of the workflow SDK; `decide` gets the records that a delivery carries. */
export function workflowApp(
  world: World,
  decide: (records: readonly StepFields[], request: AppRequest) => Move,
): App {
  return async (request) => {
    if (request.headers["upstash-workflow-is-failure"] === "true") return respond(200, "{}");
    const move = decide(readRecords(request.text), request);
    switch (move.type) {
      case "answer":
        return move.outcome;
      case "submit":
        await submit(world, request, move.records);
        return respond(200);
      case "finish":
        await world.call(`/v2/workflows/runs/${request.runId}?cancel=false`, {
          method: "DELETE",
          body: move.result ?? "",
        });
        return respond(200);
    }
  };
}

/** The records that a delivery carries, without the payload. */
export function readRecords(text: string): readonly StepFields[] {
  const list: unknown = JSON.parse(text);
  assert(Array.isArray(list), "a delivery carries a list");
  return list.slice(1).map((item: unknown) => {
    assert(isJsonObject(item), "a record is an object");
    return JSON.parse(Buffer.from(String(item.body), "base64").toString());
  });
}

/** Submits records as the SDK does: one batch. */
export async function submit(
  world: World,
  { runId, url }: { readonly runId: string; readonly url: string },
  records: readonly StepFields[],
): Promise<Reply> {
  const items = records.map(({ delay, ...record }) => ({
    destination: url,
    headers: {
      "content-type": "application/json",
      "upstash-workflow-init": "false",
      "upstash-workflow-runid": runId,
      "upstash-workflow-url": url,
      "upstash-forward-upstash-workflow-sdk-version": "1",
      ...(delay === undefined ? {} : { "upstash-delay": delay }),
    },
    body: JSON.stringify(record),
  }));
  return world.call("/v2/batch", { method: "POST", body: JSON.stringify(items) });
}

/** A sequential step. */
export function run(stepId: number, stepName: string, out = '"ok"'): StepFields {
  return { stepId, stepName, stepType: "Run", out, concurrent: 1 };
}
