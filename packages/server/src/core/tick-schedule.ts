import { isRepriseError } from "@reprise/protocol";
import type { PublishMessage } from "./commands.ts";
import { nextTick } from "./cron.ts";
import { parseCron } from "./cron-parse.ts";
import type { Envelope } from "./envelope.ts";
import type { GateBook } from "./gate-book.ts";
import { Acceptance, endpointsOf, envelopeFor } from "./publish.ts";
import type { Change, ScheduleRow, UrlGroupRow } from "./rows.ts";
import { groupNameOf, type ScheduleConfig } from "./schedule.ts";
import type { TickSchedule } from "./schedule-command.ts";
import { type Context, type Effect, type Transition, unchanged, update } from "./transition.ts";

export interface TickState {
  /** Null when it has been deleted meanwhile. */
  readonly schedule: ScheduleRow | null;
  /** Null when it cannot be read. */
  readonly config: ScheduleConfig | null;
  /** Of the destination, when that is the name of one. */
  readonly group: UrlGroupRow | null;
  readonly gates: GateBook;
}

/**
 * A tick: the messages, and the instant of the next tick behind now, in one transition; so no tick is made twice and none is
 * lost. Of ticks that were missed one is made up for. A tick that fails leaves its reason and does not come again.
 */
export function decideTickSchedule(
  state: TickState,
  _command: TickSchedule,
  context: Context,
): Transition<null> {
  const { schedule } = state;
  if (schedule === null || schedule.isPaused === 1 || schedule.dueAt === null) {
    return unchanged(null);
  }
  if (schedule.dueAt > context.now) {
    return { changes: [], effects: [{ type: "wake", dueAt: schedule.dueAt }], answer: null };
  }
  const made = makeMessages(state, { schedule, tickAt: schedule.dueAt }, context);
  const next = findNext(schedule, context.now);
  const after: ScheduleRow = {
    ...schedule,
    dueAt: next.dueAt,
    lastAt: schedule.dueAt,
    lastMessages: JSON.stringify(made.messages),
    error: made.error ?? next.error,
  };
  const wakes: readonly Effect[] = next.dueAt === null ? [] : [{ type: "wake", dueAt: next.dueAt }];
  return {
    changes: [...made.changes, update("schedules", schedule, after)],
    effects: [...made.effects, ...wakes],
    answer: null,
  };
}

interface Made {
  /** Keys. */
  readonly messages: readonly number[];
  readonly changes: readonly Change[];
  readonly effects: readonly Effect[];
  readonly error: string | null;
}

function makeMessages(
  { config, group, gates }: TickState,
  { schedule, tickAt }: { readonly schedule: ScheduleRow; readonly tickAt: number },
  context: Context,
): Made {
  try {
    if (config === null) throw new Error("its settings cannot be read");
    const { delayMs = 0, ...given } = config;
    const envelope: Envelope = { ...given, notBefore: tickAt + delayMs, scheduleId: schedule.id };
    const destination = destinationOf(schedule);
    const acceptance = new Acceptance(gates, context);
    const messages = endpointsOf(group, { destination }).map((endpoint) => {
      const { url } = endpoint;
      const own = envelopeFor(envelope, destination, endpoint);
      return acceptance.accept({ url, envelope: own, body: schedule.body }, "plain");
    });
    return { messages, ...acceptance.finish(), error: null };
  } catch (error) {
    // Whatever it was, it would come again at once and without end: it is shown to whoever looks at the schedule.
    return { messages: [], changes: [], effects: [], error: reasonOf(error) };
  }
}

function destinationOf(schedule: ScheduleRow): PublishMessage["destination"] {
  const name = groupNameOf(schedule);
  return name === null ? { kind: "url", url: schedule.destination } : { kind: "urlGroup", name };
}

function findNext(
  { cron, createdAt }: ScheduleRow,
  now: number,
): { readonly dueAt: number | null; readonly error: string | null } {
  try {
    const dueAt = nextTick(parseCron(cron), now, createdAt);
    return { dueAt, error: dueAt === null ? "there is no tick within the next five years" : null };
  } catch (error) {
    // As above. Without an instant it rests until it is put again.
    return { dueAt: null, error: reasonOf(error) };
  }
}

function reasonOf(error: unknown): string {
  return isRepriseError(error) ? error.message : `the server has a fault: ${String(error)}`;
}
