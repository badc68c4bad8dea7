import { RepriseError } from "@reprise/protocol";
import type { Answers, Command, EndDelivery } from "../core/commands.ts";
import { connectedApp } from "../core/connected-name.ts";
import { originGate, originOfGate } from "../core/gates.ts";
import type { MessageRow } from "../core/rows.ts";
import type { Timer } from "../host/host.ts";
import { Alarm } from "./alarm.ts";
import { toAnswer } from "./answer.ts";
import { Cluster, type Findings } from "./cluster.ts";
import { ConfigCache } from "./config-cache.ts";
import { contextOf } from "./context.ts";
import { type Delivery, Dispatcher, type RunDelivery } from "./dispatcher.ts";
import { EarlyHints } from "./early-hints.ts";
import { admitted, type EngineOptions, waysOf } from "./engine-options.ts";
import type { Exchange } from "./exchanges.ts";
import { type Group, type GroupRoom, type Outbox, runGroup } from "./group.ts";
import { History } from "./history.ts";
import { Inbox, type Request } from "./inbox.ts";
import { KeyRange } from "./key-range.ts";
import { noObserver, tellOf } from "./observer.ts";
import { Pump } from "./pump.ts";
import { isRecalled, type Recall, takenBack } from "./recall.ts";
import type { Takeover } from "./takeover.ts";
import { WarmProcesses } from "./warm-processes.ts";

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
  readonly #pump: Pump;
  #isStopped = false;
  /** True once nothing is recorded any more: whatever still ends belongs to the next process. */
  #isClosed = false;
  #isClaimWanted = true;
  #isRecoveryWanted = true;
  /** Gates whose lines have somebody left to call. */
  #openGates = new Set<string>();
  /** What dead nodes have left, as it was found last. */
  #takeover: Takeover | null = null;
  /** The other nodes; null for a server that is alone. */
  readonly #cluster: Cluster | null;
  /** What this node does about what it finds at others. */
  readonly #findings: Findings = {
    due: (dueAt) => this.#alarm.wakeBy(dueAt),
    waiting: (gates) => {
      for (const gate of gates) if (this.#isServed(gate)) this.#openGate(gate);
    },
    left: (takeover) => {
      this.#takeover = takeover;
      this.#pump.start();
    },
    recalled: (recall) => {
      this.#early.recall(recall);
      if (recall.type === "recall" && !this.#inFlight.has(recall.messageKey)) return;
      this.#recall(recall);
      this.#pump.start();
    },
    runEnded: (runKey) => {
      this.#early.endRun(runKey);
      this.#dropWaiting(runKey);
      this.#options.connected?.abort(runKey);
      this.#pump.start();
    },
    lost: () => {
      for (const { message } of this.#dispatcher.recall(() => true)) this.#forget(message);
    },
  };
  /** Never later than the earliest `dueAt` in the store, unless a claim is wanted: each claim finds that instant anew. */
  readonly #alarm: Alarm;
  readonly #early = new EarlyHints();
  /** Runs until it ends, whatever is committed meanwhile: a timer for every outcome would cost more than an idle look. */
  #linger: Timer | null = null;

  constructor(options: EngineOptions) {
    const { host, store, limits, keys, lease } = options;
    this.#options = options;
    this.#inbox = new Inbox(limits);
    this.#configs = new ConfigCache(limits.configCacheEntriesMax);
    this.#keyRange = new KeyRange(store.isShared);
    this.#pump = new Pump({
      host,
      inbox: this.#inbox,
      hasWork: () => this.#hasWork(),
      runOne: () => this.#runOne(),
      retryMs: limits.storeRetryMs,
    });
    this.#alarm = new Alarm(host, () => {
      this.#isClaimWanted = true;
      this.#pump.start();
    });
    const { pollMs } = limits;
    this.#cluster =
      lease === undefined
        ? null
        : new Cluster({ host, store, lease, pollMs, findings: this.#findings });
    this.history = new History(store, limits.historyCharsMax);
    this.#dispatcher = new Dispatcher({
      host,
      history: this.history,
      store,
      keys,
      limits,
      region: options.region ?? null,
      ...waysOf(options),
      isWanted: ({ message }) => this.#inFlight.get(message.key) === message.leaseToken,
      mayBegin: () => lease?.holds() ?? true,
      standingOf: (delivery) => this.#cluster?.standingOf(delivery) ?? null,
      onEnd: (command, delivery) => this.#takeOutcome(command, delivery),
      onUnsent: (messageKey) => this.#giveBack(messageKey),
      // Whoever takes over what this node held finds it.
      onLapsed: ({ message }) => this.#forget(message),
      onLate: (messageKey) => {
        this.#restart(messageKey);
        this.#pump.start();
      },
      onReturn: (deliveries) => {
        this.#takeBack(deliveries);
        this.#pump.start();
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
    this.#pump.start();
    this.#cluster?.start();
  }

  /** Whether those who wait at a gate could go on from here. */
  #isServed(gate: string): boolean {
    const origin = originOfGate(gate);
    return origin === null || !this.#dispatcher.isFull(origin);
  }

  /**
   * Executes commands as one: all of them or none. Resolves after they are on disk.
   * @throws RepriseError when one of them is refused; then none has changed anything.
   */
  async execute<C extends Command>(commands: readonly C[]): Promise<readonly Answers[C["type"]][]> {
    if (this.#isStopped) throw shuttingDown();
    const own = admitted(commands, this.#options);
    const answers = await this.#inbox.add(own, () => this.#pump.start());
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
    this.#alarm.stop();
    await this.#cluster?.stop();
    this.#linger?.cancel();
    await this.#pump.stop();
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
    this.#options.observer?.attemptEnded(command, delivery);
    if (delivery.kind === "run") this.#warm.note(delivery.run.key, command.outcome);
    const isAnswering = this.#takeAnswer(command, delivery);
    if (!isAnswering) this.#inbox.addQuiet([command]);
    if (this.#pump.isBusy) return;
    if (isAnswering || ticketKey !== null || flowControlKey !== null) {
      this.#pump.start();
      return;
    }
    this.#linger ??= host.setTimer(host.now() + limits.lingerMs, () => {
      this.#linger = null;
      this.#pump.start();
    });
  }

  /** True when the answer submits something: that and the end of the attempt are one. */
  #takeAnswer(command: EndDelivery, delivery: Delivery): boolean {
    const answer = toAnswer(command, delivery, this.#options);
    if (answer === null) return false;
    this.#inbox.addAnswer(answer.commands, (error) => {
      this.#inbox.addQuiet([answer.refused(error)]);
      this.#pump.start();
    });
    return true;
  }

  /** A message that this process could not deliver is due again, under the same number. */
  #giveBack(messageKey: number): void {
    const { host, limits } = this.#options;
    host.setTimer(host.now() + limits.storeRetryMs, () => {
      if (this.#isStopped) return;
      this.#restart(messageKey);
      this.#pump.start();
    });
  }

  #hasWork(): boolean {
    return (
      this.#inbox.size > 0 ||
      (!this.#isStopped &&
        (this.#isClaimWanted ||
          this.#isRecoveryWanted ||
          this.#takeover !== null ||
          this.#openGates.size > 0))
    );
  }

  async #runOne(): Promise<boolean> {
    const requests = this.#inbox.take();
    const group: Group = {
      requests,
      isClaiming: this.#isClaimWanted && !this.#isStopped,
      isRecovering: this.#isRecoveryWanted && !this.#isStopped,
      openGates: this.#isStopped ? [] : this.#openGates,
      takeover: this.#isStopped ? null : this.#takeover,
    };
    this.#takeover = null;
    // Taken back before the transaction: an alarm that rings while it runs asks for another one.
    if (group.isClaiming) this.#isClaimWanted = false;
    if (group.isRecovering) this.#isRecoveryWanted = false;
    this.#openGates = new Set();
    this.#early.clear();
    try {
      this.#afterCommit(await runGroup(group, this.#room()));
      return true;
    } catch (cause) {
      this.#afterFailure(requests, cause);
      return false;
    }
  }

  #room(): GroupRoom {
    const { host, store, limits, lease } = this.#options;
    const nodeKey = lease?.nodeKey;
    return {
      store,
      configs: this.#configs,
      keyRange: this.#keyRange,
      inFlight: this.#inFlight,
      observer: this.#options.observer ?? noObserver,
      claimMax: limits.claimMax,
      retryAt: host.now() + limits.storeRetryMs,
      measure: lease === undefined ? null : (ask) => lease.measure(ask),
      isHeld: () => lease === undefined || (lease.holds() && lease.nodeKey === nodeKey),
      onFault: (error) => host.log("error", "decision_failed", { cause: String(error) }),
      context: contextOf(this.#options, this.#keyRange, this.#dispatcher),
    };
  }

  #afterCommit(outbox: Outbox): void {
    this.history.append(outbox.newSteps);
    for (const [runKey, config] of outbox.newConfigs) this.#configs.set(runKey, config);
    for (const key of outbox.endedMessages) this.#inFlight.delete(key);
    for (const { messageKey, leaseToken } of outbox.endedAttempts)
      this.#forget({ key: messageKey, leaseToken });
    for (const recall of outbox.recalls) this.#recall(recall);
    const { wanted, recalled } = this.#early.sort(outbox.deliveries);
    this.#takeBack([...outbox.unsent, ...recalled]);
    for (const delivery of wanted) {
      this.#inFlight.set(delivery.message.key, delivery.message.leaseToken);
      this.#dispatcher.deliver(delivery);
      this.#alarm.wakeBy(delivery.message.dueAt);
    }
    for (const { heldKey, delivery } of outbox.holds) this.#goOn(heldKey, delivery);
    for (const runKey of outbox.endedRuns) this.#dropWaiting(runKey);
    for (const runKey of outbox.closedRuns) this.#options.connected?.abort(runKey);
    for (const gate of outbox.openGates) this.#openGates.add(gate);
    for (const answer of outbox.answers) answer();
    this.#cluster?.tell(outbox.hints);
    this.#cluster?.callLater(outbox.cutGates);
    tellOf(outbox, this.#options.observer ?? noObserver);
    this.#configs.trim();
    if (outbox.hasMoreDue) this.#isClaimWanted = true;
    if (outbox.wakeAt !== null) this.#alarm.wakeBy(outbox.wakeAt);
  }

  /** An invocation that has ended meanwhile cannot go on: the message is delivered to another one. */
  #goOn(heldKey: number, delivery: RunDelivery): void {
    const { key, leaseToken, dueAt } = delivery.message;
    if (this.#dispatcher.goOn(heldKey, delivery)) {
      this.#inFlight.set(key, leaseToken);
      this.#alarm.wakeBy(dueAt);
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

  /** What this process holds no more, whoever goes on with it. */
  #forget({ key, leaseToken }: Pick<MessageRow, "key" | "leaseToken">): void {
    if (this.#inFlight.get(key) === leaseToken) this.#inFlight.delete(key);
  }

  #openGate(gate: string): void {
    this.#openGates.add(gate);
    this.#pump.start();
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
}

function shuttingDown(): RepriseError {
  return new RepriseError("shutting_down", { message: "the server is stopping; try again" });
}
