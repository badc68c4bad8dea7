import type { Tables } from "@reprise/server";
import { Client } from "@upstash/workflow";
import type { EventList } from "./event-list.ts";
import type { Fact } from "./facts.ts";
import type { Mirror } from "./mirror.ts";
import { SERVER_HOST } from "./network.ts";
import type { Random } from "./random.ts";
import { TOKEN } from "./server-process.ts";
import type { Troubles } from "./troubles.ts";
import { EVENT_IDS } from "./write-program.ts";

export interface EventActorParts {
  readonly events: EventList;
  readonly random: Random;
  readonly mirror: Mirror;
  readonly troubles: Troubles;
  readonly mark: (name: string) => void;
}

type WaitRow = Tables["waits"];

/** So many events are sent in one world; what waits for more must wait for its deadline. */
const SENT_MAX = 40;
const REPEAT_MS = 5_000;
const REPEATS_MAX = 50;

/** Who has a token may also speak for a webhook, in the words that the SDK understands. */
const REQUEST = { method: "POST", header: {}, body: "", proto: "http", host: "any.test", url: "/" };

/** Those who send events from outside: a person with the official client, and callers of webhooks, who only have a URL. */
export class EventActor {
  readonly #parts: EventActorParts;
  readonly #client: Client;
  /** Event id -> the URL of its webhook, as the app knows it. */
  readonly #webhooks = new Map<string, string>();
  #sent = 0;

  constructor(parts: EventActorParts) {
    this.#parts = parts;
    this.#client = new Client({ baseUrl: `http://notifier.${SERVER_HOST}`, token: TOKEN });
  }

  note(fact: Fact): void {
    if (fact.kind === "webhook") this.#learn(fact.url);
    if (fact.kind !== "commit") return;
    for (const { table, before, after } of fact.commit.changes) {
      if (before !== null || after === null) continue;
      if (table === "runs") this.#meetRun(after.id);
      if (table === "waits" && after.state === "open") this.#meetWait(after);
    }
  }

  /** At some instant, whoever waits. */
  notifyByChance(): void {
    const { random, mirror } = this.#parts;
    const runs = mirror.all("runs");
    const isForOne = runs.length > 0 && random.chance(0.5);
    this.#notify(random.pick(EVENT_IDS), isForOne ? random.pick(runs).id : null);
  }

  listByChance(): void {
    void this.#client
      .getWaiters({ eventId: this.#parts.random.pick(EVENT_IDS) })
      .catch(() => this.#parts.mark("waiters refused"));
  }

  /** Before anybody waits: the event is kept, or lost when it is for everybody. */
  #meetRun(runId: string): void {
    const { random } = this.#parts;
    if (!random.chance(0.3)) return;
    const times = random.integer(1, 3);
    for (let time = 0; time < times; time += 1) {
      this.#plan(random.integer(0, 3_000), () => this.#notify(random.pick(EVENT_IDS), runId));
    }
  }

  #meetWait(wait: WaitRow): void {
    const { random, events, mirror } = this.#parts;
    if (wait.dueAt === null || wait.eventId === null || random.chance(0.5)) return;
    const lastMs = Math.max(0, wait.dueAt - events.now);
    // Often at the very instant at which the time is up.
    const delayMs = random.pick([0, random.integer(0, Math.min(lastMs, 60_000)), lastMs, lastMs]);
    const runId = random.chance(0.5) ? (mirror.get("runs", wait.runKey)?.id ?? null) : null;
    const { eventId } = wait;
    const earlyMs = random.integer(0, 40);
    const times = random.chance(0.3) ? 2 : 1;
    for (let time = 0; time < times; time += 1) {
      this.#plan(Math.max(0, delayMs - earlyMs), () => {
        if (wait.kind === "webhook" && random.chance(0.7)) this.#callWebhook(eventId);
        else if (runId !== null && wait.kind === "event" && random.chance(0.1)) {
          this.#forgeWebhook(eventId, runId);
        } else this.#notify(eventId, runId, wait.kind === "webhook" ? REQUEST : {});
      });
    }
  }

  /** The app tells of a webhook whenever it passes it. */
  #learn(url: string): void {
    const eventId = url.slice(url.lastIndexOf("/") + 1);
    if (this.#webhooks.has(eventId)) return;
    this.#webhooks.set(eventId, url);
    const { random } = this.#parts;
    const times = random.integer(0, 3);
    for (let time = 0; time < times; time += 1) {
      const delayMs = random.pick([0, random.integer(0, 2_000), random.integer(0, 60_000)]);
      this.#plan(delayMs, () => {
        if (random.chance(0.8)) this.#callWebhook(eventId);
        else this.#notify(eventId, runIdOf(url), REQUEST);
      });
    }
  }

  #plan(delayMs: number, send: () => void): void {
    this.#sent += 1;
    if (this.#sent <= SENT_MAX) this.#parts.events.in(delayMs, "somebody sends an event", send);
  }

  #notify(eventId: string, workflowRunId: string | null, data: object = {}): void {
    const eventData = { ...data, notice: this.#parts.troubles.nextNotice() };
    const request = {
      eventId,
      eventData,
      ...(workflowRunId === null ? {} : { workflowRunId }),
    };
    void this.#client.notify(request).catch(() => this.#parts.mark("notify refused"));
  }

  /** Whoever calls a webhook tries again until it is heard, or until there is no such webhook any more. */
  async #callWebhookUntilHeard(url: string, init: RequestInit): Promise<void> {
    for (let repeat = 0; repeat < REPEATS_MAX; repeat += 1) {
      try {
        const { status } = await fetch(url, init);
        this.#parts.mark(`webhook answered ${status}`);
        if (status < 500) return;
      } catch {
        // Ambiguous: the event may come twice.
        this.#parts.mark("webhook called again");
      }
      await this.#parts.events.wait(REPEAT_MS, "webhook is called again");
    }
  }

  #callWebhook(eventId: string): void {
    const url = this.#webhooks.get(eventId);
    if (url !== undefined) this.#callPath(new URL(url).pathname);
  }

  /** Somebody without a token has guessed an event id: it wakes nobody who waits for a notification. */
  #forgeWebhook(eventId: string, runId: string): void {
    this.#callPath(`/v2/workflows/hooks/anybody/${runId}/${encodeURIComponent(eventId)}`);
  }

  #callPath(path: string): void {
    const { random, troubles } = this.#parts;
    const query = `?notice=${troubles.nextNotice()}`;
    const method = random.pick(["GET", "POST", "PUT"]);
    const init = method === "GET" ? { method } : { method, body: "from outside, with ü" };
    void this.#callWebhookUntilHeard(`http://outside.${SERVER_HOST}${path}${query}`, init);
  }
}

/** The last part but one of a webhook's URL. */
function runIdOf(url: string): string {
  return url.split("/").at(-2) ?? "";
}
