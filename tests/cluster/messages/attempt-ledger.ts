import { type Attempt, SinkLedger } from "../../crash/messages/sink-ledger.ts";

/**
 * What destinations write down of several nodes. None of them is the only one, so no death ends an attempt: it lasts until its
 * destination is done with it, whoever is still listening.
 */
export class AttemptLedger extends SinkLedger {
  override arrivalOf({ arrivedAt }: Attempt): number {
    return arrivedAt;
  }

  override endOf({ answer, doneAt }: Attempt): number {
    return answer?.at ?? doneAt ?? Infinity;
  }
}
