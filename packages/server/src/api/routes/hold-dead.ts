import {
  type BulkHoldAnswer,
  type BulkReleaseAnswer,
  DEAD_LETTER_PAGE_MAX,
} from "@reprise/protocol";
import { Hono } from "hono";
import type { HoldDeadLetter, HoldDeadMessage } from "../../core/commands.ts";
import { actOnIds, actOnKnownIds, actOnMatches } from "../dead-letter-actions.ts";
import { DEAD_LETTER_FILTERS, deadLetterConditions } from "../filters.ts";
import type { DeadTable } from "../find-dead.ts";
import { DEAD_MESSAGE_FILTERS, deadMessageConditions } from "../message-filters.ts";
import { bulkParameters, type Parameters, readIds, refuseUnknown } from "../parameters.ts";
import type { ApiEnv, ApiRoom } from "../room.ts";

/** `hold` and `release` below both dead letter queues: keep entries from retention, and give them back to it. */
export function holdDeadRoutes(room: ApiRoom): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>();
  for (const queue of QUEUES) {
    for (const isHeld of [true, false]) {
      const path = `${queue.path}/${isHeld ? "hold" : "release"}`;
      app.post(path, async (c) => {
        const parameters = await bulkParameters(c.req.raw);
        return c.json(await queue.changeMany({ parameters, isHeld, endpoint: path }, room));
      });
      app.post(`${path}/:dlqId`, async (c) => {
        const dlqId = c.req.param("dlqId");
        await actOnIds({ table: queue.table, ids: [dlqId] }, queue.toCommand(isHeld), room);
        return c.json(toAnswer({ count: 1, cursor: null }, isHeld));
      });
    }
  }
  return app;
}

interface Change {
  readonly parameters: Parameters;
  readonly isHeld: boolean;
  readonly endpoint: string;
}

interface Queue {
  readonly path: string;
  readonly table: DeadTable;
  readonly toCommand: (isHeld: boolean) => (key: number) => HoldDeadLetter | HoldDeadMessage;
  readonly changeMany: (change: Change, room: ApiRoom) => Promise<HoldAnswer>;
}

type HoldAnswer = BulkHoldAnswer | BulkReleaseAnswer;

function holdLetter(isHeld: boolean): (key: number) => HoldDeadLetter {
  return (deadLetterKey) => ({ type: "holdDeadLetter", deadLetterKey, isHeld });
}

function holdMessage(isHeld: boolean): (key: number) => HoldDeadMessage {
  return (deadMessageKey) => ({ type: "holdDeadMessage", deadMessageKey, isHeld });
}

const QUEUES: readonly Queue[] = [
  {
    path: "/v2/workflows/dlq",
    table: "deadLetters",
    toCommand: holdLetter,
    changeMany: async ({ parameters, isHeld, endpoint }, room) => {
      const toCommand = holdLetter(isHeld);
      const named = readNamed(parameters, DEAD_LETTER_FILTERS);
      if (named !== null) {
        const held = await actOnKnownIds({ table: "deadLetters", ids: named }, toCommand, room);
        return toAnswer({ count: held.length, cursor: null }, isHeld);
      }
      const conditions = deadLetterConditions(parameters);
      const action = { table: "deadLetters", conditions, parameters, toCommand } as const;
      const done = await actOnMatches({ ...action, ...paging(endpoint) }, room);
      return toAnswer({ count: done.answers.length, cursor: done.cursor }, isHeld);
    },
  },
  {
    path: "/v2/dlq",
    table: "deadMessages",
    toCommand: holdMessage,
    changeMany: async ({ parameters, isHeld, endpoint }, room) => {
      const toCommand = holdMessage(isHeld);
      const named = readNamed(parameters, DEAD_MESSAGE_FILTERS);
      if (named !== null) {
        const held = await actOnKnownIds({ table: "deadMessages", ids: named }, toCommand, room);
        return toAnswer({ count: held.length, cursor: null }, isHeld);
      }
      const conditions = deadMessageConditions(parameters);
      const action = { table: "deadMessages", conditions, parameters, toCommand } as const;
      const done = await actOnMatches({ ...action, ...paging(endpoint) }, room);
      return toAnswer({ count: done.answers.length, cursor: done.cursor }, isHeld);
    },
  },
];

function paging(endpoint: string) {
  return { endpoint, pageMax: DEAD_LETTER_PAGE_MAX };
}

/** Ids win over every filter; null when none are given. */
function readNamed(parameters: Parameters, filters: readonly string[]): readonly string[] | null {
  refuseUnknown(parameters, ["dlqIds", "count", "cursor", ...filters]);
  return readIds(parameters, "dlqIds");
}

function toAnswer(
  { count, cursor }: { readonly count: number; readonly cursor: string | null },
  isHeld: boolean,
): HoldAnswer {
  const more = cursor === null ? {} : { cursor };
  return isHeld ? { held: count, ...more } : { released: count, ...more };
}
