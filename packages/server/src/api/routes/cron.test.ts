import type { CronAnswer } from "@reprise/protocol";
import { beforeEach, expect, test } from "vitest";
import { type Client, openClient } from "./api-client.suite.ts";

let client: Client;

beforeEach(async () => {
  client = await openClient();
});

async function ticks(query: Readonly<Record<string, string>>): Promise<CronAnswer> {
  const { status, json, text } = await client.send("GET", `/v2/cron?${new URLSearchParams(query)}`);
  expect(status, text).toBe(200);
  return json as CronAnswer; // The tests check it.
}

const at = (text: string): number => Date.parse(text);

test("the next ticks of an expression, in the zone that it names", async () => {
  const answer = await ticks({
    expression: "CRON_TZ=Europe/Berlin 30 9 * * 1-5",
    after: String(at("2026-03-26T12:00:00Z")),
    count: "3",
  });
  expect(answer).toEqual({
    expression: "CRON_TZ=Europe/Berlin 30 9 * * 1-5",
    timeZone: "Europe/Berlin",
    // Clocks are set forth between the two.
    times: ["2026-03-27T08:30:00Z", "2026-03-30T07:30:00Z", "2026-03-31T07:30:00Z"].map(at),
  });
});

test("without more it is the next five from now in UTC", async () => {
  const { times, timeZone } = await ticks({ expression: "*/5 * * * *" });
  expect(timeZone).toBe("UTC");
  expect(times).toHaveLength(5);
  const now = client.world.host.now();
  expect((times[0] ?? 0) - now).toBeGreaterThan(0);
  expect((times[0] ?? 0) - now).toBeLessThanOrEqual(300_000);
});

test("an interval counts from its anchor", async () => {
  const { times } = await ticks({
    expression: "@every 7m",
    after: "1000000",
    anchor: "60000",
    count: "2",
  });
  expect(times).toEqual([60_000 + 3 * 420_000, 60_000 + 4 * 420_000]);
});

test.each([
  ["", "expression"],
  ["expression=61 * * * *", "minute"],
  ["expression=* * * * *&count=0", "count"],
  ["expression=* * * * *&zone=UTC", "zone"],
])("%s is refused, and the fault is named", async (query, word) => {
  const { status, text } = await client.send("GET", `/v2/cron?${query}`);
  expect(status).toBe(400);
  expect(text).toContain(word);
});
