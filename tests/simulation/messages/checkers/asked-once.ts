import { messageId as idOf } from "@reprise/protocol";
import { isFor } from "../acts.ts";
import type { Checker, Scene } from "../facts.ts";
import { isAmbiguous } from "../operations.ts";
import { TICKET_HEADER } from "../wanted.ts";

/** What was asked for once is there once; what was refused is not there. */
export const askedOnce: Checker = {
  name: "accepted once",
  promise:
    "each publish makes exactly the messages that its answer names; one that nobody heard the answer of makes them all or none; a refused one makes none",
  observe: (scene) => (fact) => {
    if (fact.kind === "end") checkEnd(scene);
  },
};

/** Endpoints that a group of a world can have. */
const ENDPOINTS_MAX = 6;

function checkEnd(scene: Scene): void {
  const { operations, violate, mirror } = scene;
  const retried = new Set(mirror.all("deadMessages").map(({ nextMessageKey }) => nextMessageKey));
  const made = new Map<string, string[]>();
  for (const { key, config } of mirror.all("envelopes")) {
    // Written by the server; the forwarded header is what the client put there.
    const { headers, scheduleId } = JSON.parse(config) as {
      readonly headers?: Readonly<Record<string, string>>;
      readonly scheduleId?: string;
    };
    const ticket = headers?.[TICKET_HEADER];
    if (ticket === undefined || scheduleId !== undefined || retried.has(key)) continue;
    made.set(ticket, [...(made.get(ticket) ?? []), idOf(key)]);
  }
  for (const ticket of scene.plan.wanteds.keys()) {
    if (ticket.startsWith("s")) continue;
    const doubtful = operations.all.filter((one) => isFor(one.act, ticket) && isAmbiguous(one));
    const promised = operations.promises.filter(
      ({ wanted, isDuplicate }) => wanted?.ticket === ticket && !isDuplicate,
    );
    const ids = made.get(ticket) ?? [];
    const unknown = ids.filter((id) => !promised.some(({ messageId }) => messageId === id));
    const isGroup = scene.plan.wanteds.get(ticket)?.destination.kind === "group";
    if (unknown.length > doubtful.length * (isGroup ? ENDPOINTS_MAX : 1)) {
      violate(`${ticket} has made ${unknown.join(", ")}, which no answer names`);
    }
    if (unknown.length > 0) scene.mark("accepted unheard");
  }
  checkSiblings(scene);
}

/** The messages of one publish to a group stand in one transaction. */
function checkSiblings({ operations, mirror, violate, mark }: Scene): void {
  const keys = new Map(mirror.all("envelopes").map(({ key }) => [idOf(key), key]));
  for (const operation of operations.of("publish")) {
    const siblings = operations.promises.filter(
      (promised) => promised.operation === operation && !promised.isDuplicate,
    );
    const born = new Set(siblings.map(({ messageId }) => mirror.bornIn(keys.get(messageId) ?? 0)));
    if (siblings.length > 1) mark("fan-out");
    if (born.size > 1) violate(`#${operation.number} is accepted in ${born.size} transactions`);
  }
}
