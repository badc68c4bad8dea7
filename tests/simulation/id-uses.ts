import type { SentRequest } from "./facts.ts";
import { readSubmissions } from "./submission.ts";

/** One request that the server is working on: it starts a run of this id, or it belongs to one. */
interface IdUse {
  readonly id: string;
  readonly isStart: boolean;
}

/** Which run ids the server is working with at this instant. */
export class IdUses {
  readonly #uses = new Set<IdUse>();

  ofStarts(request: SentRequest): readonly IdUse[] {
    const starts = readSubmissions(request).filter(({ isStart }) => isStart);
    return starts.map(({ runId }) => ({ id: runId, isStart: true }));
  }

  ofRun(id: string): readonly IdUse[] {
    return [{ id, isStart: false }];
  }

  /** Whether a start meets a request of an earlier run with its id, or the other way round. */
  isDisputed({ id, isStart }: IdUse): boolean {
    for (const use of this.#uses) if (use.id === id && use.isStart !== isStart) return true;
    return false;
  }

  async during<R>(uses: readonly IdUse[], work: () => Promise<R>): Promise<R> {
    for (const use of uses) this.#uses.add(use);
    try {
      return await work();
    } finally {
      for (const use of uses) this.#uses.delete(use);
    }
  }
}
