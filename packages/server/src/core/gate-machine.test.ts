import { describe } from "vitest";
import { decideCancelMessage } from "./end-message.ts";
import { newFlow } from "./flow-control.ts";
import { flowGate, type Gates, newQueue, originGate, originOf, queueGate } from "./gates.ts";
import { contextAt, plainMessageRow } from "./rows.suite.ts";
import type { FlowControlRow, MessageRow, QueueRow } from "./rows.ts";
import { decideStartMessage } from "./start-message.ts";
import { type Cell, walk } from "./state-page.suite.ts";
import type { Transition } from "./transition.ts";

/** The gates of one message, which is alone behind them but for those who have their places. */

describe("gates", () => {
  const KEY = 3;
  const origin = originGate(originOf(plainMessageRow().url));
  const places: Readonly<Record<string, Partial<MessageRow>>> = {
    due: { state: "scheduled", dueAt: 0 },
    queue: { state: "waiting", gate: queueGate("q"), waitOrder: 5 },
    origin: { state: "waiting", gate: origin, waitOrder: 5, ticketKey: KEY },
    key: { state: "waiting", gate: flowGate("k"), waitOrder: 5, ticketKey: KEY },
    attempt: { state: "active", ticketKey: KEY },
  };

  /** The message, and its gates with the places that it has. */
  const situation = (place: string, queue: Partial<QueueRow>, flow: Partial<FlowControlRow>) => {
    const names = { queueName: "q", flowControlKey: "k" };
    const message = plainMessageRow({ key: KEY, ...names, ...places[place] });
    const waits = (gate: string) => (message.gate === gate ? 1 : 0);
    const gates: Gates = {
      queue: {
        ...newQueue("q", contextAt()),
        openCount: message.ticketKey === null ? 0 : 1,
        waitingCount: waits(queueGate("q")),
        ...queue,
      },
      flow: {
        ...newFlow("k", contextAt()),
        parallelism: 1,
        inFlightCount: message.state === "active" ? 1 : 0,
        waitingCount: waits(flowGate("k")),
        ...flow,
      },
    };
    return { message, gates, sharers: message.ticketKey === null ? [] : [message] };
  };

  const after = ({ changes }: Transition<unknown>): string => {
    let place = "-";
    for (const change of changes) {
      if (change.table !== "messages") continue;
      if (change.type === "delete") return "gone";
      if (change.type !== "update") continue;
      const { gate, state, leaseToken } = change.set;
      if (state === "canceling") place = state;
      else if (gate === origin) place = "origin";
      else if (gate === flowGate("k")) place = "key";
      else if (gate === queueGate("q")) place = "queue";
      else if (leaseToken !== undefined) place = "attempt";
    }
    return place;
  };

  const called =
    (queue: Partial<QueueRow>, flow: Partial<FlowControlRow>, isOriginFull = false): Cell =>
    (place) => {
      const state = situation(place, queue, flow);
      const command = { type: "startDelivery", messageKey: KEY, isOrphan: true } as const;
      const context = { ...contextAt(), isOriginFull: () => isOriginFull };
      return after(decideStartMessage(state, command, context));
    };

  walk("Gates", {
    "all open": called({}, {}),
    "queue full": called({ openCount: 1 }, {}),
    "queue paused": called({ isPaused: 1 }, {}),
    "origin busy": called({}, {}, true),
    "key full": called({}, { inFlightCount: 1 }),
    "key paused": called({}, { isPaused: 1 }),
    cancelled: (place) => {
      const command = { type: "cancelMessage", messageKey: KEY } as const;
      return after(decideCancelMessage(situation(place, {}, {}), command, contextAt()));
    },
  });
});
