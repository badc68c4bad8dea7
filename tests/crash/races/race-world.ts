import type { Tables } from "@reprise/server";
import { afterAll, beforeAll, expect } from "vitest";
import { type Answer, World } from "../../conformance/world.ts";

/** A batch of rounds at once: their commands fall into the same transactions, in every order. */
const ROUNDS_AT_ONCE = 25;

interface RunFacts {
  readonly run: Tables["runs"];
  /** Records of the first step. */
  readonly results: readonly Readonly<Record<string, unknown>>[];
  /** Their states. */
  readonly waits: readonly string[];
  readonly kept: number;
}

/** A passive app: it answers every delivery and does nothing, so that the test itself plays its part. */
export class RaceWorld {
  readonly #world = new World({
    surroundings: { limits: { lingerMs: 1 }, writeLine: () => {} },
  });
  readonly #failing = new Set<string>();
  #runs = 0;

  get world(): World {
    return this.#world;
  }

  async open(): Promise<void> {
    await this.#world.open();
    this.#world.app.on("/flow", (request) => {
      const runId = request.headers.get("upstash-workflow-runid") ?? "";
      const isFailing = this.#failing.has(runId);
      return new Response("", { status: isFailing ? 500 : 200 });
    });
  }

  close(): Promise<void> {
    return this.#world.close();
  }

  /** Starts a run; gives its id. */
  async start(
    options: { readonly fails?: boolean; readonly label?: string } = {},
  ): Promise<string> {
    const runId = `wfr_race-${this.#runs++}`;
    if (options.fails === true) this.#failing.add(runId);
    const headers = {
      ...headersOf(runId),
      "Upstash-Workflow-Init": "true",
      "Upstash-Retries": "0",
      ...(options.label === undefined ? {} : { "Upstash-Label": options.label }),
    };
    const path = `/v2/publish/${this.#url}`;
    const answer = await this.#world.call("POST", path, { headers, body: "{}" });
    expect(answer.status, answer.text).toBe(200);
    return runId;
  }

  /** Registers the run's first step as a wait. */
  wait(runId: string, eventId: string, timeoutMs = 3_600_000, stepType = "Wait"): Promise<Answer> {
    const headers = headersOf(runId);
    const step = { stepId: 1, stepName: "wait", stepType, concurrent: 1 };
    const timeoutHeaders = {
      "Upstash-Workflow-RunId": [runId],
      "Upstash-Workflow-Init": ["false"],
    };
    const timeout = { timeout: `${timeoutMs}ms`, timeoutUrl: this.#url, timeoutHeaders };
    const body = JSON.stringify({ url: this.#url, step, ...timeout });
    return this.#world.call("POST", `/v2/wait/${eventId}`, { headers, body });
  }

  /** Starts a run that waits for the event. */
  async waiting(eventId: string, timeoutMs?: number): Promise<string> {
    const runId = await this.start();
    const answer = await this.wait(runId, eventId, timeoutMs);
    expect(answer.status, answer.text).toBe(200);
    return runId;
  }

  /** Starts a run as the child of another one's first step. */
  async invoke(parentId: string): Promise<string> {
    const runId = `wfr_race-${this.#runs++}`;
    const headers = {
      ...headersOf(runId),
      "Upstash-Workflow-Init": "true",
      "Upstash-Workflow-Invoke": "true",
    };
    const body = JSON.stringify({
      body: "{}",
      headers: { "Upstash-Workflow-RunId": [parentId], "Upstash-Workflow-Init": ["false"] },
      workflowRunId: parentId,
      workflowUrl: this.#url,
      workflowRunCreatedAt: 1,
      step: { stepId: 1, stepName: "invoke", stepType: "Invoke", concurrent: 1 },
    });
    const answer = await this.#world.call("POST", `/v2/publish/${this.#url}`, { headers, body });
    expect(answer.status, answer.text).toBe(200);
    return runId;
  }

  notify(path: string, data: string): Promise<Answer> {
    return this.#world.call("POST", `/v2/notify/${path}`, { body: data });
  }

  /** Starts a run that fails at once; gives its id and that of its dead letter. */
  async failed(label?: string): Promise<{ readonly runId: string; readonly dlqId: string }> {
    const runId = await this.start({ fails: true, ...(label === undefined ? {} : { label }) });
    const { dlqId } = await this.#world.failed(runId);
    return { runId, dlqId: dlqId ?? "" };
  }

  /** When the time of the run's wait is up, in epoch ms. */
  async endOf(runId: string): Promise<number> {
    const { store } = this.#world;
    const [run] = await store.find("runs", "byId", [[runId]]);
    const where = [{ type: "in", column: "runKey", values: [run?.key ?? -1] }] as const;
    const [wait] = await store.list("waits", { where, order: "ascending", limit: 1 });
    if (typeof wait?.dueAt !== "number") throw new Error(`${runId} waits for no time`);
    return wait.dueAt;
  }

  /** A run, the result of its first step if there is one, its waits and what is kept for it. */
  async stateOf(runId: string): Promise<RunFacts> {
    const { store } = this.#world;
    const [run] = await store.find("runs", "byId", [[runId]]);
    if (run === undefined) throw new Error(`${runId} is lost`);
    const where = [{ type: "in", column: "runKey", values: [run.key] }] as const;
    const all = { where, order: "ascending", limit: 100 } as const;
    const steps = await store.list("steps", all);
    const results = steps.filter(({ slot }) => slot === 3);
    const waits = await store.list("waits", all);
    return {
      run,
      results: results.map(
        ({ body }): Record<string, unknown> => JSON.parse(new TextDecoder().decode(body)),
      ),
      waits: waits.map(({ state }) => state),
      kept: (await store.list("events", all)).length,
    };
  }

  get #url(): string {
    return `${this.#world.app.url}/flow`;
  }
}

function headersOf(runId: string): Readonly<Record<string, string>> {
  return {
    "Content-Type": "application/json",
    "Upstash-Workflow-RunId": runId,
    "Upstash-Workflow-Init": "false",
    "Upstash-Workflow-Sdk-Version": "1",
  };
}

/** One world for all races of a file. */
export function useRaceWorld(): RaceWorld {
  const world = new RaceWorld();
  beforeAll(() => world.open());
  afterAll(() => world.close());
  return world;
}

/** Runs so many rounds, some of them at once; gives how often each outcome came. */
export async function rounds(
  count: number,
  round: (number: number) => Promise<string>,
): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  for (let first = 0; first < count; first += ROUNDS_AT_ONCE) {
    const length = Math.min(ROUNDS_AT_ONCE, count - first);
    const batch = Array.from({ length }, (_, index) => round(first + index));
    for (const outcome of await Promise.all(batch)) counts[outcome] = (counts[outcome] ?? 0) + 1;
  }
  return counts;
}

/** Both at the same time; whose request leaves first alternates. */
export async function race<A, B>(
  number: number,
  first: () => Promise<A>,
  second: () => Promise<B>,
): Promise<[A, B]> {
  if (number % 2 === 0) return Promise.all([first(), second()]);
  const late = second();
  const early = first();
  return [await early, await late];
}
