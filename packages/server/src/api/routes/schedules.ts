import { afterPrefix, DESTINATION_PREFIX, RepriseError } from "@reprise/protocol";
import { type Context, Hono } from "hono";
import { scheduleNotFound } from "../../core/schedule.ts";
import { createSchedule } from "../put-schedule.ts";
import type { ApiEnv, ApiRoom } from "../room.ts";
import { findScheduledStates } from "../scheduled-states.ts";
import { toScheduleResource } from "../views/schedule.ts";
import { readPlainSubmission } from "./publish.ts";

/** More than `REPRISE_SCHEDULES_MAX` can be; the list has no pages. */
const LIST_MAX = 1_000_000;

/** `/v2/schedules`: messages by the clock. */
export function scheduleRoutes(room: ApiRoom): Hono<ApiEnv> {
  const { engine, store } = room;
  return new Hono<ApiEnv>()
    .get("/v2/schedules", async (c) => {
      const rows = await store.list("schedules", {
        where: [],
        order: "ascending",
        limit: LIST_MAX,
      });
      const states = await findScheduledStates(rows, store);
      return c.json(rows.map((row) => toScheduleResource(row, states)));
    })
    .get("/v2/schedules/:id", async (c) => {
      const id = c.req.param("id");
      const rows = await store.find("schedules", "byId", [[id]]);
      const [row] = rows;
      if (row === undefined) throw scheduleNotFound(id);
      return c.json(toScheduleResource(row, await findScheduledStates(rows, store)));
    })
    .delete("/v2/schedules/:id", async (c) => {
      await engine.execute([{ type: "deleteSchedule", scheduleId: c.req.param("id") }]);
      return c.json({});
    })
    .patch("/v2/schedules/*", async (c) => {
      const turn = readSwitch(targetOf(c));
      if (turn !== null) return switchSchedule(c, turn, room);
      throw new RepriseError("not_found", {
        message: `there is nothing at PATCH ${c.req.path}; a schedule is paused at /v2/schedules/{id}/pause`,
      });
    })
    .post("/v2/schedules/*", async (c) => {
      const target = targetOf(c);
      const turn = readSwitch(target);
      if (turn !== null) return switchSchedule(c, turn, room);
      return createSchedule(
        c,
        await readPlainSubmission(c, { target, queueName: null }, room),
        room,
      );
    });
}

/** What follows the route, as it was received. */
function targetOf(c: Context<ApiEnv>): string {
  return afterPrefix(c.env.rawTarget, DESTINATION_PREFIX.schedules) ?? "";
}

interface Switch {
  readonly type: "pauseSchedule" | "resumeSchedule";
  readonly scheduleId: string;
}

/** `{id}/pause` and `{id}/resume`. A destination begins with its scheme, and no name of a URL group has a slash. */
function readSwitch(target: string): Switch | null {
  if (/^https?(:|%3a)/i.test(target)) return null;
  const [, id = "", verb = ""] = /^([^/?]+)\/(pause|resume)\/?(?:\?|$)/i.exec(target) ?? [];
  if (verb === "") return null;
  const type = verb.toLowerCase() === "pause" ? "pauseSchedule" : "resumeSchedule";
  return { type, scheduleId: decodeURIComponent(id) };
}

async function switchSchedule(c: Context<ApiEnv>, command: Switch, { engine }: ApiRoom) {
  await engine.execute([command]);
  return c.json({});
}
