import { Cron } from "croner";
import { expect, test } from "vitest";

test("the second implementation that schedules are compared with reads zones", () => {
  const cron = new Cron("30 2 * * *", { timezone: "Asia/Kolkata", paused: true });
  const next = cron.nextRun(new Date("2024-01-01T00:00:00Z"));
  expect(next?.toISOString()).toBe("2024-01-01T21:00:00.000Z");
});
