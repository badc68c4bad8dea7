import type { EventList } from "./event-list.ts";
import type { Mirror } from "./mirror.ts";
import { SERVER_HOST } from "./network.ts";
import type { Random } from "./random.ts";
import { TOKEN } from "./server-process.ts";

export interface StuckActorParts {
  readonly events: EventList;
  readonly random: Random;
  readonly mirror: Mirror;
  readonly mark: (name: string) => void;
}

/** A person who looks for stuck runs and nudges them; the official client has no methods for that. */
export class StuckActor {
  readonly #parts: StuckActorParts;

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
