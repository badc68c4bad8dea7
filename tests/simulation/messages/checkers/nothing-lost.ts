import { messageId as idOf } from "@reprise/protocol";
import type { Checker, Scene } from "../facts.ts";
import { wantedOf } from "../operations.ts";
import { isSuccess } from "../sink-ledger.ts";
import { TICKET_HEADER, type Wanted } from "../wanted.ts";

/** Delivered, dead and cancelled messages are a partition of what was accepted. */
export const nothingLost: Checker = {
  name: "nothing accepted is lost",
  promise:
    "every message whose id was told ends: delivered to a destination that said so, dead with an entry in the queue, or cancelled because somebody asked for it; never two of these, never none",
  observe: (scene) => (fact) => {
    if (fact.kind === "end") checkEnd(scene);
  },
};

const FINAL_MOMENTS: readonly string[] = ["delivered", "failed", "canceled", "canceledLate"];

function checkEnd(scene: Scene): void {
  const { mirror, operations, violate } = scene;
  const open = mirror.all("messages");
  if (open.length > 0) violate(`${open.length} messages have not ended`);
  const actions = mirror.all("bulkActions").filter(({ state }) => state !== "finished");
  if (actions.length > 0) violate(`${actions.length} bulk actions have not ended`);
  const moments = new Map<number, string[]>();
  for (const { messageKey, moment } of mirror.all("logs")) {
    if (!FINAL_MOMENTS.includes(moment)) continue;
    moments.set(messageKey, [...(moments.get(messageKey) ?? []), moment]);
  }
  const stored = new Set<string>();
  for (const { key, config } of mirror.all("envelopes")) {
    const id = idOf(key);
    stored.add(id);
    const ends = moments.get(key) ?? [];
    const [end] = ends;
    if (end === undefined) violate(`${id} has no end`);
    else if (ends.length > 1) violate(`${id} has ended more than once: ${ends.join(", ")}`);
    else checkFate({ id, key, config }, end, scene);
  }
  for (const { messageId } of operations.promises) {
    if (!stored.has(messageId)) violate(`${messageId} was told to a client, and nobody knows it`);
  }
}

interface Stored {
  readonly id: string;
  readonly key: number;
  readonly config: string;
}

function checkFate({ id, key, config }: Stored, end: string, scene: Scene): void {
  const { mirror, sinks, operations, mark, violate, plan } = scene;
  const attempts = sinks.story(id)?.attempts ?? [];
  const dead = mirror.all("deadMessages").filter(({ messageKey }) => messageKey === key);
  const isDelivered = attempts.some(({ outcome }) => outcome !== null && isSuccess(outcome));
  const wanted = wantedOf(id, sinks, plan.wanteds) ?? byTicket(config, scene);
  mark(`fate ${end}`);
  if (dead.length !== (end === "failed" ? 1 : 0)) {
    violate(`${id} has ended as ${end} and has ${dead.length} dead letters`);
  }
  switch (end) {
    case "delivered":
      if (!isDelivered) violate(`${id} counts as delivered, and no destination says so`);
      return;
    case "failed": {
      const outcome = attempts.at(-1)?.outcome ?? null;
      if (outcome === null || isSuccess(outcome)) {
        violate(`${id} counts as dead, and its last attempt was no failure`);
      }
      return;
    }
    default:
      if (!operations.mayBeCancelled(id, wanted)) {
        violate(`${id} is cancelled, and nobody has asked for it`);
      }
  }
}

/** Of a message that no destination has seen. */
function byTicket(config: string, { plan, sinks }: Scene): Wanted | null {
  // Written by the server; the forwarded header and the source are the only parts that are read.
  const { headers, callbackOf } = JSON.parse(config) as {
    readonly headers?: Readonly<Record<string, string>>;
    readonly callbackOf?: number;
  };
  if (callbackOf !== undefined) return wantedOf(idOf(callbackOf), sinks, plan.wanteds);
  return plan.wanteds.get(headers?.[TICKET_HEADER] ?? "") ?? null;
}
