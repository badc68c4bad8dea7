import type { RawResponse } from "../bench/raw-client.ts";
import { clientHeaders, itemHeaders } from "../bench/wire.ts";
import type { CrashApp } from "./app.ts";
import type { Ledger } from "./ledger.ts";
import type { Kind, Payload } from "./program.ts";
import type { Random } from "./random.ts";
import type { Link, ServerLink } from "./server-link.ts";

/** Kinds of runs, the frequent ones several times. */
const KINDS: readonly [Kind, ...Kind[]] = [
  "sequential",
  "sequential",
  "sequential",
  "parallel",
  "parallel",
  "sleeping",
  "healing",
  "branching",
  "dying",
  "canceled",
];

const OPERATOR_PAUSE_MS = 40;

export interface ClientsRoom {
  readonly app: CrashApp;
  readonly ledger: Ledger;
  readonly link: ServerLink;
  readonly random: Random;
}

/** Everybody who asks something of the server besides the app: who starts runs, who cancels them, who resumes them. */
export class Clients {
  readonly #room: ClientsRoom;
  readonly #live = new Set<string>();
  #wanted = 0;
  #started = 0;
  #isOver = false;

  constructor(room: ClientsRoom) {
    this.#room = room;
    room.ledger.onEnd = (key) => {
      this.#live.delete(key);
      this.#pump();
    };
    room.app.onCancelable = (runId, key) => void this.#cancel(runId, key);
  }

  /** Keeps this many runs going as long as the server is up. */
  keep(count: number): void {
    this.#wanted = count;
    this.#pump();
  }

  #pump(): void {
    while (this.#room.link.isUp && this.#live.size < this.#wanted) void this.#trigger();
  }

  async #trigger(): Promise<void> {
    const { app, ledger, link, random } = this.#room;
    const kind = random.pick(KINDS);
    const key = `key-${this.#started++}`;
    const runId = `wfr_${key}`;
    const triggered = { key, kind, outcome: "unknown" as "unknown" | "accepted" }; // Widens the literal.
    ledger.triggered.set(runId, triggered);
    this.#live.add(key);
    const headers = {
      ...itemHeaders(runId, app.url, true),
      "upstash-label": kind,
      "upstash-retries": "1",
      "upstash-retry-delay": "10",
    };
    const body = JSON.stringify({ key, kind } satisfies Payload);
    const batch = JSON.stringify([{ destination: app.url, headers, body }]);
    const response = await ask(await link.ready(), "POST", "/v2/batch", batch);
    if (response?.status === 200) {
      triggered.outcome = "accepted";
      return;
    }
    if (response !== null) ledger.fault(`trigger: ${response.status} ${response.body}`);
    // Nobody waits for a run of which nobody knows whether it exists.
    this.#live.delete(key);
  }

  async #cancel(runId: string, key: string): Promise<void> {
    const { ledger, link } = this.#room;
    while (!this.#isOver && !ledger.canceled.has(runId)) {
      const path = `/v2/workflows/runs/${runId}?cancel=true`;
      const response = await ask(await link.ready(), "DELETE", path, null);
      if (response === null) continue;
      // 404: an earlier request was executed, but its answer was lost. The database must show it cancelled.
      if (response.status === 200 || response.status === 404) ledger.cancels(runId, key);
      else ledger.fault(`cancel of ${runId}: ${response.status} ${response.body}`);
      return;
    }
  }

  /** Heals and resumes what has failed and can be healed, until `stop`. */
  async operate(): Promise<void> {
    while (!this.#isOver) {
      const life = await this.#room.link.ready();
      const response = await ask(life, "GET", "/v2/workflows/dlq?label=healing,branching", null);
      for (const letter of readLetters(response)) await this.#resume(life, letter);
      await new Promise((resolve) => setTimeout(resolve, OPERATOR_PAUSE_MS));
    }
  }

  async #resume(life: Link, { dlqId, workflowRunId }: Letter): Promise<void> {
    const { app, ledger } = this.#room;
    const key = ledger.triggered.get(workflowRunId)?.key;
    if (key === undefined) {
      ledger.fault(`${workflowRunId} is in the dead letter queue for the second time, or unknown`);
      return;
    }
    app.heal(key);
    const response = await ask(life, "POST", `/v2/workflows/dlq/resume/${dlqId}`, null);
    if (response === null) return;
    if (response.status !== 200) {
      ledger.fault(`resume of ${dlqId}: ${response.status} ${response.body}`);
      return;
    }
    const answer = JSON.parse(response.body) as { readonly workflowRunId: string }; // The form of the wire.
    if (ledger.resumed.has(workflowRunId)) ledger.fault(`${workflowRunId} was resumed twice`);
    ledger.resumed.set(workflowRunId, answer.workflowRunId);
  }

  stop(): void {
    this.#isOver = true;
  }
}

/** A failed run, as a list of dead letters names it. */
export interface Letter {
  readonly dlqId: string;
  readonly workflowRunId: string;
}

export function readLetters(response: RawResponse | null): readonly Letter[] {
  if (response === null || response.status !== 200) return [];
  const page = JSON.parse(response.body) as { readonly messages: readonly Letter[] }; // The form of the wire.
  return page.messages;
}

/** Null when there was no answer. */
export async function ask(
  life: Link,
  method: "GET" | "POST" | "DELETE",
  path: string,
  body: string | null,
): Promise<RawResponse | null> {
  const headers = clientHeaders(life.token, "application/json");
  return life.request({ method, path, headers, body }).catch(() => null);
}
