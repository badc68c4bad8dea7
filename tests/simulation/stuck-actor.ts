import type { EventList } from "./event-list.ts";
import type { Fact } from "./facts.ts";
import type { Mirror } from "./mirror.ts";
import { SERVER_HOST } from "./network.ts";
import type { Random } from "./random.ts";
import { TOKEN } from "./server-process.ts";
import { isStuck } from "./stuck.ts";

export interface StuckActorParts {
  readonly events: EventList;
  readonly random: Random;
  readonly mirror: Mirror;
  readonly mark: (name: string) => void;
}

/** So many stuck runs are attended to while things go wrong; the others wait for a quiet world. */
const SEEN_MAX = 10;

/** A person who looks for stuck runs and nudges them; the official client has no methods for that. */
export class StuckActor {
  readonly #parts: StuckActorParts;
  #seen = 0;

  constructor(parts: StuckActorParts) {
    this.#parts = parts;
  }

  /** Also asks for runs that are not stuck, and for all of them at once. */
  actByChance(): void {
    const { random, mirror } = this.#parts;
    void this.#list(random.chance(0.5) ? "?stuck=true" : "");
    const live = mirror.all("runs").filter(({ state }) => state === "started");
    if (live.length > 0) this.#nudge(random.pick(live).id);
  }

  /** Somebody watches, and nudges what has stuck before all else has become quiet. */
  note(fact: Fact): void {
    if (fact.kind !== "commit") return;
    const { random, mirror, events } = this.#parts;
    for (const { table, before, after } of fact.commit.changes) {
      if (table !== "messages" || before === null || after !== null) continue;
      const run = mirror.get("runs", before.runKey ?? 0);
      if (run === null || !isStuck(run, mirror)) continue;
      this.#seen += 1;
      if (this.#seen > SEEN_MAX || random.chance(0.3)) continue;
      events.in(random.integer(0, 20_000), "somebody nudges", () => this.#nudge(run.id));
    }
  }

  async nudgeAll(): Promise<void> {
    for (const id of await this.#list("?stuck=true")) {
      this.#nudge(id);
      if (this.#parts.random.chance(0.3)) this.#nudge(id);
    }
  }

  async #list(query: string): Promise<readonly string[]> {
    const response = await this.#ask("GET", `/v2/workflows/logs${query}`);
    if (response?.ok !== true) return [];
    // The documented answer.
    const { runs } = (await response.json()) as {
      readonly runs: readonly { readonly workflowRunId: string }[];
    };
    return runs.map(({ workflowRunId }) => workflowRunId);
  }

  #nudge(runId: string): void {
    void this.#ask("POST", `/v2/workflows/runs/${runId}/nudge`).then((response) => {
      this.#parts.mark(response?.ok === true ? "operator nudge" : "operator nudge refused");
    });
  }

  /** Null when nobody knows what became of the request. */
  async #ask(method: string, path: string): Promise<Response | null> {
    const headers = { Authorization: `Bearer ${TOKEN}` };
    try {
      return await fetch(`http://operator.${SERVER_HOST}${path}`, { method, headers });
    } catch {
      return null;
    }
  }
}
