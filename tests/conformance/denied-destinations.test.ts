import { expect, test } from "vitest";
import { useWorld } from "./world.ts";

/** Destinations that the egress policy denies are refused wherever one can be given. */

const world = useWorld({ config: { egress: { mode: "public-only", allow: [] } } });

const DENIED = "http://169.254.169.254/latest";
const PUBLIC = "https://93.184.215.14/";
const cron = { "upstash-cron": "* * * * *" };

test.each<[string, string, Record<string, string>, string]>([
  ["a schedule", `/v2/schedules/${DENIED}`, cron, "destination"],
  ["a publish with a cron expression", `/v2/publish/${DENIED}`, cron, "destination"],
  [
    "the callback of a schedule",
    `/v2/schedules/${PUBLIC}`,
    { ...cron, "upstash-callback": DENIED },
    "Upstash-Callback",
  ],
  [
    "the failure callback of a schedule",
    `/v2/schedules/${PUBLIC}`,
    { ...cron, "upstash-failure-callback": DENIED },
    "Upstash-Failure-Callback",
  ],
])("%s is refused", async (_, path, headers, field) => {
  expect(await world.call("POST", path, { headers })).toMatchObject({
    status: 400,
    json: {
      code: "invalid_destination",
      error: expect.stringMatching(new RegExp(`^invalid ${field} url: .*169\\.254\\.169\\.254`)),
    },
  });
  expect((await world.call("GET", "/v2/schedules")).json).toEqual([]);
});

test("an endpoint of a URL group is refused, and all that come with it", async () => {
  const body = JSON.stringify({ endpoints: [{ url: PUBLIC }, { url: DENIED }] });
  expect(await world.call("POST", "/v2/topics/orders/endpoints", { body })).toMatchObject({
    status: 400,
    json: { error: expect.stringContaining("endpoints[1].url") },
  });
  expect((await world.call("GET", "/v2/topics")).json).toEqual([]);
});

test("a callback among the default headers of a URL group is refused", async () => {
  const endpoints = JSON.stringify({ endpoints: [{ url: PUBLIC }] });
  await world.call("POST", "/v2/topics/orders/endpoints", { body: endpoints });
  const body = JSON.stringify({ headers: { "Upstash-Callback": DENIED } });
  expect((await world.call("PATCH", "/v2/topics/orders", { body })).status).toBe(400);
  expect((await world.call("GET", "/v2/topics/orders")).json).not.toHaveProperty("headers");
});
