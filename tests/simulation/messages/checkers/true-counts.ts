import type { MessageRow } from "@reprise/server";
import type { Checker, Scene } from "../facts.ts";

/** An audit of the database behind every transaction: counters are worth nothing when they are not exact. */
export const trueCounts: Checker = {
  name: "counts are true",
  promise:
    "after every transaction the counters of queues and flow controls equal the messages that they count",
  observe: (scene) => (fact) => {
    if (fact.kind === "commit") audit(scene);
  },
};

function audit({ mirror, violate }: Scene): void {
  const messages = mirror.all("messages");
  for (const { name, openCount, waitingCount } of mirror.all("queues")) {
    const tickets = new Set(
      messages
        .filter(({ queueName, ticketKey }) => queueName === name && ticketKey !== null)
        .map(({ ticketKey }) => ticketKey),
    );
    if (openCount !== tickets.size) {
      violate(`queue ${name} counts ${openCount} taken places; there are ${tickets.size}`);
    }
    const waiting = countAt(messages, `queue:${name}`);
    if (waitingCount !== waiting) {
      violate(`queue ${name} counts ${waitingCount} waiting messages; there are ${waiting}`);
    }
  }
  for (const { name, inFlightCount, waitingCount } of mirror.all("flowControls")) {
    const inFlight = messages.filter(
      ({ flowControlKey, state }) =>
        flowControlKey === name && (state === "active" || state === "canceling"),
    ).length;
    if (inFlightCount !== inFlight) {
      violate(`flow control ${name} counts ${inFlightCount} in flight; there are ${inFlight}`);
    }
    const waiting = countAt(messages, `flow:${name}`);
    if (waitingCount !== waiting) {
      violate(`flow control ${name} counts ${waitingCount} waiting messages; there are ${waiting}`);
    }
  }
}

function countAt(messages: readonly MessageRow[], gate: string): number {
  return messages.filter((message) => message.gate === gate).length;
}
