import { hash } from "node:crypto";
import { RepriseError } from "@reprise/protocol";
import type { Answers, Command, EndDelivery } from "../core/commands.ts";
import { connectedApp } from "../core/connected-name.ts";
import { originGate } from "../core/gates.ts";
import type { Context } from "../core/transition.ts";
import type { Timer } from "../host/host.ts";
import { toAnswer } from "./answer.ts";
import { ConfigCache } from "./config-cache.ts";
import { type Delivery, Dispatcher, type RunDelivery } from "./dispatcher.ts";
import type { EngineOptions } from "./engine-options.ts";
import type { Exchange } from "./exchanges.ts";
import {
  type Group,
  type GroupRoom,
  isRecalled,
  type Outbox,
  type Recall,
  runGroup,
  takenBack,
} from "./group.ts";
import { History } from "./history.ts";
import { Inbox, type Request } from "./inbox.ts";
import { KeyRange } from "./key-range.ts";
import { noObserver } from "./observer.ts";
import { WarmProcesses } from "./warm-processes.ts";

/** Turns of the event loop that a group may wait for more requests. */
const GATHER_TURNS_MAX = 5;

/**
 * Applies commands. What arrives while a transaction runs becomes the next one together (group commit); nothing is answered
 * and nothing is delivered before the transaction that holds it is on disk.
 */
export class Engine {
  readonly #options: EngineOptions;
  readonly #inbox: Inbox;
  readonly #configs: ConfigCache;
  readonly #keyRange: KeyRange;
  readonly #dispatcher: Dispatcher;
  /** Message key -> lease token of the attempts that this process is making, or is about to. */
  readonly #inFlight = new Map<number, number>();
  readonly #warm = new WarmProcesses();
  readonly history: History;
  #isRunning = false;
  #isStopped = false;
  /** True once nothing is recorded any more: whatever still ends belongs to the next process. */
  #isClosed = false;
  #isClaimWanted = true;
  #isRecoveryWanted = true;
  /** Gates whose lines have somebody left to call. */
  #openGates = new Set<string>();
  /** Never later than the earliest `dueAt` in the store, unless a claim is wanted: each claim finds that instant anew. */
  #alarm: { readonly dueAt: number; readonly timer: Timer } | null = null;
  /** Runs until it ends, whatever is committed meanwhile: a timer for every outcome would cost more than an idle look. */
  #linger: Timer | null = null;
  #retry: Timer | null = null;
  #onIdle: (() => void) | null = null;

  constructor(options: EngineOptions) {
    const { host, store, limits, keys } = options;
    this.#options = options;
    this.#inbox = new Inbox(limits);
    this.#configs = new ConfigCache(limits.configCacheEntriesMax);
    this.#keyRange = new KeyRange();
    this.history = new History(store, limits.historyCharsMax);
    this.#dispatcher = new Dispatcher({
      host,
      history: this.history,
      store,
      keys,
      limits,
      region: options.region ?? null,
      ...(options.connected === undefined ? {} : { connected: options.connected }),
      isWanted: ({ message }) => this.#inFlight.get(message.key) === message.leaseToken,
      onEnd: (command, delivery) => this.#takeOutcome(command, delivery),
      onUnsent: (messageKey) => this.#giveBack(messageKey),
      onLate: (messageKey) => {
        this.#restart(messageKey);
        this.#pump();
      },
      onReturn: (deliveries) => {
        this.#takeBack(deliveries);
        this.#pump();
      },
      onRoom: (origin) => this.#openGate(originGate(origin)),
      warm: this.#warm,
    });
  }

  /** Attempts in flight, to all destinations together. */
  get attemptsInFlight(): number {
    return this.#dispatcher.inFlightCount;
  }

  /** Keys of active messages to `origin` whose deliveries wait for others there, or for others at all. */
  waitingKeys(origin: string): ReadonlySet<number> {
    return this.#dispatcher.waitingKeys(origin);
  }

  /** Whether somebody takes deliveries to `origin`: an app that has to connect may not have done so. */
  isReachable(origin: string): boolean {
    const app = connectedApp(origin);
    return app === null || this.#options.connected?.isConnected(app) === true;
  }

  get parallelismMax(): number {
    return this.#options.limits.parallelismMax;
  }

  /** The request in flight that speaks for a message; null as soon as nothing may go on any more. */
  exchangeOf(messageKey: number): Exchange | null {
    return this.#dispatcher.exchangeOf(messageKey);
  }

  /** Takes over what an earlier process left behind and begins to deliver. */
  start(): void {
    this.#pump();
  }

  /**
   * Executes commands as one: all of them or none. Resolves after they are on disk.
   * @throws RepriseError when one of them is refused; then none has changed anything.
   */
  async execute<C extends Command>(commands: readonly C[]): Promise<readonly Answers[C["type"]][]> {
    if (this.#isStopped) throw shuttingDown();
    this.#options.admit?.(commands);
    const answers = await this.#inbox.add(commands, () => this.#pump());
    // The inbox answers each command in its place with what `decide` gave for its type.
    return answers as readonly Answers[C["type"]][];
  }

  /** Refuses new commands, lets attempts in flight end within `drainMs`, and records what they led to. */
  async stop(drainMs: number): Promise<void> {
    const { host } = this.#options;
    // Steps of attempts in flight are still taken: refusing them would cost the app a retry.
    await new Promise<void>((resolve) => {
      const timer = host.setTimer(host.now() + drainMs, resolve);
      void this.#dispatcher.stop().then(() => {
        timer.cancel();
        resolve();
      });
    });
    this.#isStopped = true;
    this.#alarm?.timer.cancel();
    this.#linger?.cancel();
    this.#retry?.cancel();
    this.#pump();
    if (this.#isRunning) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    this.#isClosed = true;
    for (const request of this.#inbox.clear()) request.reject(shuttingDown());
  }

  /**
   * Nobody waits for the outcome of an attempt, so it rides in the next transaction instead of starting one; but for the place that
   * it frees in a queue or a flow control somebody may wait, and what its answer submits is the next step.
   */
  #takeOutcome(command: EndDelivery, delivery: Delivery): void {
    const { host, limits } = this.#options;
    const { ticketKey, flowControlKey } = delivery.message;
    if (this.#isClosed) return;
    this.#options.observer?.attemptEnded(command, delivery.message);
    if (delivery.kind === "run") this.#warm.note(delivery.run.key, command.outcome);
    const isAnswering = this.#takeAnswer(command, delivery);
    if (!isAnswering) this.#inbox.addQuiet([command]);
    if (this.#isRunning || this.#retry !== null) return;
    if (isAnswering || ticketKey !== null || flowControlKey !== null) {
      this.#pump();
      return;
    }
    this.#linger ??= host.setTimer(host.now() + limits.lingerMs, () => {
      this.#linger = null;
      this.#pump();
    });
  }

  /** True when the answer submits something: that and the end of the attempt are one. */
  #takeAnswer(command: EndDelivery, delivery: Delivery): boolean {
    const answer = toAnswer(command, delivery, this.#options);
    if (answer === null) return false;
    this.#inbox.addAnswer(answer.commands, (error) => {
      this.#inbox.addQuiet([answer.refused(error)]);
      this.#pump();
    });
    return true;
  }

  /** A message that this process could not deliver is due again, under the same number. */
  #giveBack(messageKey: number): void {
    const { host, limits } = this.#options;
    host.setTimer(host.now() + limits.storeRetryMs, () => {
      if (this.#isStopped) return;
      this.#restart(messageKey);
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    void this.#run();
  }

  async #run(): Promise<void> {
    let isHealthy = true;
    while (isHealthy && this.#hasWork()) {
      await this.#gather();
      isHealthy = await this.#runOne();
    }
    this.#isRunning = false;
    if (!isHealthy) this.#tryAgainLater();
    else if (this.#hasWork()) this.#pump();
    else this.#onIdle?.();
  }

  /**
   * Requests of this turn of the event loop join the group, and those of the next turns as long as each brings more: a flush
   * costs as much for one request as for fifty. There is no timer, because a fixed wait halves the rate of a few runs at once.
   */
  async #gather(): Promise<void> {
    for (let turn = 0; turn < GATHER_TURNS_MAX; turn++) {
      const sizeBefore = this.#inbox.size;
      await this.#options.host.nextTurn();
      if (this.#inbox.size <= sizeBefore) return;
    }
  }

  #hasWork(): boolean {
    return (
      this.#inbox.size > 0 ||
      (!this.#isStopped &&
        (this.#isClaimWanted || this.#isRecoveryWanted || this.#openGates.size > 0))
    );
  }

  async #runOne(): Promise<boolean> {
    const requests = this.#inbox.take();
    const group: Group = {
      requests,
      isClaiming: this.#isClaimWanted && !this.#isStopped,
      isRecovering: this.#isRecoveryWanted && !this.#isStopped,
      openGates: this.#isStopped ? [] : this.#openGates,
    };
    // Taken back before the transaction: an alarm that rings while it runs asks for another one.
    if (group.isClaiming) this.#isClaimWanted = false;
    if (group.isRecovering) this.#isRecoveryWanted = false;
    this.#openGates = new Set();
    try {
      this.#afterCommit(await runGroup(group, this.#room()));
      this.#retry?.cancel();
      this.#retry = null;
      return true;
    } catch (cause) {
      this.#afterFailure(requests, cause);
      return false;
    }
  }

  #room(): GroupRoom {
    const { host, store, limits } = this.#options;
    return {
      store,
      configs: this.#configs,
      keyRange: this.#keyRange,
      inFlight: this.#inFlight,
      observer: this.#options.observer ?? noObserver,
      claimMax: limits.claimMax,
      retryAt: host.now() + limits.storeRetryMs,
      onFault: (error) => host.log("error", "decision_failed", { cause: String(error) }),
      context: {
        now: host.now(),
        nodeKey: null,
        newKey: () => this.#keyRange.next(),
        attemptTimeoutMs: limits.attemptTimeoutMs,
        sha256: (bytes) => hash("sha256", bytes, "base64url"),
        isOriginFull: (origin) => this.#dispatcher.isFull(origin),
        toBase64: (bytes) =>
          Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64"),
      } satisfies Context,
    };
  }

  #afterCommit(outbox: Outbox): void {
    this.history.append(outbox.newSteps);
    for (const [runKey, config] of outbox.newConfigs) this.#configs.set(runKey, config);
    for (const key of outbox.endedMessages) this.#inFlight.delete(key);
    for (const { messageKey, leaseToken } of outbox.endedAttempts) {
      if (this.#inFlight.get(messageKey) === leaseToken) this.#inFlight.delete(messageKey);
    }
    for (const recall of outbox.recalls) this.#recall(recall);
    this.#takeBack(outbox.unsent);
    for (const delivery of outbox.deliveries) {
      this.#inFlight.set(delivery.message.key, delivery.message.leaseToken);
      this.#dispatcher.deliver(delivery);
      this.#wakeBy(delivery.message.dueAt);
    }
    for (const { heldKey, delivery } of outbox.holds) this.#goOn(heldKey, delivery);
    for (const runKey of outbox.endedRuns) this.#dropWaiting(runKey);
    for (const runKey of outbox.closedRuns) this.#options.connected?.abort(runKey);
    for (const gate of outbox.openGates) this.#openGates.add(gate);
    for (const answer of outbox.answers) answer();
    this.#configs.trim();
    if (outbox.hasMoreDue) this.#isClaimWanted = true;
    if (outbox.wakeAt !== null) this.#wakeBy(outbox.wakeAt);
  }

  /** An invocation that has ended meanwhile cannot go on: the message is delivered to another one. */
  #goOn(heldKey: number, delivery: RunDelivery): void {
    const { key, leaseToken, dueAt } = delivery.message;
    if (this.#dispatcher.goOn(heldKey, delivery)) {
      this.#inFlight.set(key, leaseToken);
      this.#wakeBy(dueAt);
    } else this.#restart(key);
  }

  /** Deliveries of an ended run that had not begun: their messages go with the next transaction. */
  #dropWaiting(runKey: number): void {
    this.history.forget(runKey);
    this.#warm.forget(runKey);
    this.#takeBack(this.#dispatcher.drop(runKey));
  }

  /** Deliveries that have not begun must not begin; a decision says what becomes of their messages. */
  #recall(recall: Recall): void {
    // A message that was cancelled before its delivery was handed over has nobody else who ends it.
    const isUnknown = recall.type === "recall" && !this.#inFlight.has(recall.messageKey);
    if (isUnknown) this.#restart(recall.messageKey);
    else {
      const recalled = this.#dispatcher.recall((message) => isRecalled(recall, message));
      this.#takeBack(recalled.map((delivery) => takenBack(recall, delivery)));
    }
  }

  #takeBack(deliveries: readonly Delivery[]): void {
    for (const { message, startUntil } of deliveries) this.#restart(message.key, startUntil);
  }

  /** Decides anew on a message whose attempt nobody makes. */
  #restart(messageKey: number, unusedUntil: number | null = null): void {
    this.#inFlight.delete(messageKey);
    const command = { type: "startDelivery", messageKey, isOrphan: true } as const;
    this.#inbox.addQuiet([unusedUntil === null ? command : { ...command, unusedUntil }]);
  }

  #openGate(gate: string): void {
    this.#openGates.add(gate);
    this.#pump();
  }

  /**
   * Nobody knows whether the transaction is on disk. Callers hear 503 and may ask again; outcomes are tried again; what may
   * have become `active` without anybody delivering it, or be due before the alarm, is looked for.
   */
  #afterFailure(requests: readonly Request[], cause: unknown): void {
    const { host } = this.#options;
    this.history.clear();
    this.#configs.clear();
    this.#keyRange.clear();
    this.#isRecoveryWanted = true;
    this.#isClaimWanted = true;
    const refusal = new RepriseError("storage_unavailable", {
      message: "the storage cannot be written now; try again",
      cause,
    });
    host.log("error", "transaction_failed", { requests: requests.length, cause: String(cause) });
    this.#inbox.putBack(requests.filter((request) => request.isQuiet));
    for (const request of requests) if (!request.isQuiet) request.reject(refusal);
  }

  #tryAgainLater(): void {
    const { host, limits } = this.#options;
    if (this.#isStopped) {
      this.#onIdle?.();
      return;
    }
    this.#retry ??= host.setTimer(host.now() + limits.storeRetryMs, () => {
      this.#retry = null;
      this.#pump();
    });
  }

  #wakeBy(dueAt: number): void {
    const { host } = this.#options;
    if (this.#isStopped || (this.#alarm !== null && this.#alarm.dueAt <= dueAt)) return;
    this.#alarm?.timer.cancel();
    const timer = host.setTimer(dueAt, () => {
      this.#alarm = null;
      this.#isClaimWanted = true;
      this.#pump();
    });
    this.#alarm = { dueAt, timer };
  }
}

function shuttingDown(): RepriseError {
  return new RepriseError("shutting_down", { message: "the server is stopping; try again" });
}
