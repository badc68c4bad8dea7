import type { RawRequest, RawResponse } from "../../bench/raw-client.ts";
import { clientHeaders, itemHeaders } from "../../bench/wire.ts";
import { type Letter, readLetters } from "../../crash/clients.ts";
import type { Random } from "../../crash/random.ts";
import type { LoadRoom } from "../load.ts";
import { FLOW_APPS, type FlowApp } from "./flow-app.ts";
import type { FlowPayload } from "./route.ts";
import { FLOW_KINDS, type FlowKind, type StepLedger } from "./step-ledger.ts";

const AGAIN_MS = 50;
const OPERATOR_PAUSE_MS = 100;
/** Faults of ours must not use them up; those of a fragile step do. */
const RETRIES = 40;
const FRAGILE_RETRIES = 1;
/** A trigger without an answer is asked for again under its id, sometimes. */
const REPEAT_SHARE = 0.5;

export interface FlowClientsRoom {
  readonly room: LoadRoom;
  readonly app: FlowApp;
  readonly ledger: StepLedger;
  readonly random: Random;
}

/** Whoever starts runs, wakes them, cancels them, and resumes the failed ones. */
export class FlowClients {
  readonly #parts: FlowClientsRoom;
  #busy = 0;
  #started = 0;
  #isOver = false;

  constructor(parts: FlowClientsRoom) {
    this.#parts = parts;
  }

  /** Requests that somebody waits for. */
  get busy(): number {
    return this.#busy;
  }

  stop(): void {
    this.#isOver = true;
  }

  async trigger(): Promise<void> {
    const { app, ledger, random } = this.#parts;
    const kind: FlowKind = random.pick(FLOW_KINDS);
    const key = `key-${this.#started++}`;
    const runId = `wfr_${key}`;
    const run = { key, kind, outcome: "unknown" as "unknown" | "accepted", canceledAt: null }; // Widens the literal.
    ledger.triggered.set(runId, Object.assign(run, { sentAt: Date.now() }));
    const url = app.urlOf(random.pick(FLOW_APPS));
    const headers = {
      ...itemHeaders(runId, url, true),
      "upstash-retries": String(kind === "failing" ? FRAGILE_RETRIES : RETRIES),
      "upstash-retry-delay": "300",
      "upstash-failure-callback-retries": String(RETRIES),
      "upstash-label": kind,
    };
    const body = JSON.stringify({ key, kind } satisfies FlowPayload);
    const item = JSON.stringify([{ destination: url, headers, body }]);
    let response = await this.#ask("POST", "/v2/batch", item);
    while (response === null && random.chance(REPEAT_SHARE) && !this.#isOver) {
      await pauseFor(AGAIN_MS);
      response = await this.#ask("POST", "/v2/batch", item);
    }
    if (response === null) return;
    if (response.status === 200) run.outcome = "accepted";
    else ledger.faults.push(`trigger of ${runId}: ${response.status} ${response.body}`);
  }

  /** Sends the event to the run until somebody answers; it is kept when it comes early. */
  async wake(runId: string, key: string): Promise<void> {
    const body = JSON.stringify({ key });
    const response = await this.#insist("POST", `/v2/notify/${runId}/event-${key}`, body);
    if (response === null || response.status === 201) return;
    // The run has ended: an earlier request was executed, and its answer was lost.
    if (response.status === 404) return;
    this.#parts.ledger.faults.push(`notify ${runId}: ${response.status} ${response.body}`);
  }

  async cancel(runId: string): Promise<void> {
    const { ledger } = this.#parts;
    const response = await this.#insist("DELETE", `/v2/workflows/runs/${runId}?cancel=true`, null);
    if (response === null) return;
    const run = ledger.triggered.get(runId);
    // 404: an earlier request was executed, and its answer was lost.
    const isDone = response.status === 200 || response.status === 404;
    if (isDone && run !== undefined) run.canceledAt = Date.now();
    else ledger.faults.push(`cancel of ${runId}: ${response.status} ${response.body}`);
  }

  /** Heals what has failed and resumes it, until `stop`. */
  async operate(): Promise<void> {
    while (!this.#isOver) {
      const response = await this.#ask("GET", "/v2/workflows/dlq?count=50", null);
      for (const letter of readLetters(response)) await this.#resume(letter);
      await pauseFor(OPERATOR_PAUSE_MS);
    }
  }

  async #resume({ dlqId, workflowRunId }: Letter): Promise<void> {
    const { ledger } = this.#parts;
    const key = workflowRunId.replace(/^wfr_/, "");
    ledger.heal(this.#keyOf(workflowRunId) ?? key);
    const response = await this.#ask("POST", `/v2/workflows/dlq/resume/${dlqId}`, null);
    // 404: an earlier request was executed, and its answer was lost.
    if (response === null || response.status === 404) return;
    if (response.status !== 200) {
      ledger.faults.push(`resume of ${dlqId}: ${response.status} ${response.body}`);
      return;
    }
    const { workflowRunId: next } = JSON.parse(response.body) as Letter; // The form of the wire.
    if (ledger.resumed.has(workflowRunId)) ledger.faults.push(`${workflowRunId} is resumed twice`);
    ledger.resumed.set(workflowRunId, next);
  }

  #keyOf(runId: string): string | null {
    const { ledger } = this.#parts;
    const known = ledger.triggered.get(runId);
    if (known !== undefined) return known.key;
    for (const [failed, next] of ledger.resumed) if (next === runId) return this.#keyOf(failed);
    return null;
  }

  async #insist(
    method: RawRequest["method"],
    path: string,
    body: string | null,
  ): Promise<RawResponse | null> {
    this.#busy++;
    try {
      while (!this.#isOver) {
        const response = await this.#ask(method, path, body);
        if (response !== null) return response;
        await pauseFor(AGAIN_MS);
      }
      return null;
    } finally {
      this.#busy--;
    }
  }

  /** Null when nobody answered. */
  async #ask(
    method: RawRequest["method"],
    path: string,
    body: string | null,
  ): Promise<RawResponse | null> {
    this.#busy++;
    try {
      const link = await this.#parts.room.link.ready();
      const headers = clientHeaders(link.token, "application/json");
      return await link.request({ method, path, headers, body }).catch(() => null);
    } finally {
      this.#busy--;
    }
  }
}

function pauseFor(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
