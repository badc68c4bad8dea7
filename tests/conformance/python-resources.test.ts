// The Python client's `schedule`, `url_group`, `flow_control` and `signing_key` methods, and its receiver.

import { createHmac, hash } from "node:crypto";
import { expect, test } from "vitest";
import { deliveryAt } from "./publisher.ts";
import {
  readFlowControlInfo,
  readGlobalParallelism,
  readKeys,
  readSchedule,
  readScheduleId,
  readSchedules,
  readUrlGroup,
  readUrlGroups,
} from "./python-readers.ts";
import { dumps, JSON_TYPE, type PythonCall, python } from "./python-wire.ts";
import { useWorld } from "./world.ts";

const world = useWorld();
const LATER = "https://example.com/later";

const send = (method: string, path: string, rest: Partial<PythonCall> = {}) =>
  python(world, { method, path, ...rest });

/** A call whose answer the client does not read. */
const act = (method: string, path: string, rest: Partial<PythonCall> = {}) =>
  send(method, path, { isParsed: false, ...rest });

test("schedule.create with every argument, get and list", async () => {
  const scheduleId = readScheduleId(
    await send("POST", `/v2/schedules/${LATER}`, {
      headers: {
        "Upstash-Cron": "1 1 1 1 1",
        "Upstash-Schedule-Id": "python-schedule",
        "Upstash-Method": "PUT",
        "Upstash-Forward-X-Own": "v",
        "Upstash-Retries": "0",
        "Upstash-Delay": "10s",
        "Upstash-Timeout": "30s",
        "Upstash-Callback": "https://example.com/callback",
        "Upstash-Queue-Name": "test_queue",
        "Upstash-Retry-Delay": "1000",
        "Upstash-Label": "schedule-label",
        "Upstash-Flow-Control-Key": "flow",
        "Upstash-Flow-Control-Value": "parallelism=5",
      },
      body: "b",
    }),
  );
  expect(scheduleId).toBe("python-schedule");
  const expected = {
    scheduleId,
    destination: LATER,
    cron: "1 1 1 1 1",
    method: "PUT",
    retries: 0,
    paused: false,
    body: "b",
    headers: { "X-Own": ["v"] },
    delay: 10,
    timeout: 30,
    callback: "https://example.com/callback",
    queue: "test_queue",
    callerIp: "127.0.0.1",
    retryDelayExpression: "1000",
    label: "schedule-label",
    flowControl: { key: "flow", parallelism: 5, rate: undefined, period: 1 },
  };
  expect(readSchedule(await send("GET", `/v2/schedules/${scheduleId}`))).toMatchObject(expected);
  expect(readSchedules(await send("GET", "/v2/schedules"))).toMatchObject([expected]);
});

test("schedule.create_json, pause, resume and delete", async () => {
  const id = readScheduleId(
    await send("POST", `/v2/schedules/${LATER}`, {
      headers: { ...JSON_TYPE, "Upstash-Cron": "*/10 * * * *" },
      body: dumps({ ex_key: "ex_value" }),
    }),
  );
  const get = async () => readSchedule(await send("GET", `/v2/schedules/${id}`));
  expect(await get()).toMatchObject({
    body: '{"ex_key": "ex_value"}',
    headers: { "Content-Type": ["application/json"] },
    retries: 3,
  });
  await act("PATCH", `/v2/schedules/${id}/pause`);
  expect((await get()).paused).toBe(true);
  await act("PATCH", `/v2/schedules/${id}/resume`);
  expect((await get()).paused).toBe(false);
  await act("DELETE", `/v2/schedules/${id}`);
  await expect(get()).rejects.toMatchObject({ status: 404 });
});

test("a bad cron raises with its text", async () => {
  const headers = { "Upstash-Cron": "not a cron" };
  await expect(send("POST", `/v2/schedules/${LATER}`, { headers })).rejects.toThrow(
    /status: 400, body: \{"error":".*cron/i,
  );
});

test("url_group.upsert_endpoints, get, list, remove_endpoints and delete", async () => {
  const path = "/v2/topics/python_url_group";
  await act("DELETE", path);
  const endpoints = (method: string, list: readonly unknown[]) =>
    act(method, `${path}/endpoints`, { headers: JSON_TYPE, body: dumps({ endpoints: list }) });
  await endpoints("POST", [{ url: LATER }, { url: `${LATER}/2`, name: "second" }]);
  const group = readUrlGroup(await send("GET", path));
  expect(group).toMatchObject({
    name: "python_url_group",
    endpoints: [
      { url: LATER, name: undefined },
      { url: `${LATER}/2`, name: "second" },
    ],
  });
  expect(readUrlGroups(await send("GET", "/v2/topics"))).toEqual([group]);
  await endpoints("DELETE", [{ url: LATER }]);
  expect(readUrlGroup(await send("GET", path)).endpoints).toHaveLength(1);
  await endpoints("DELETE", [{ name: "second" }]);
  await expect(send("GET", path)).rejects.toMatchObject({ status: 404 });
  await act("DELETE", path);
});

test("flow_control.get, pin, unpin, pause, resume, reset_rate and the global parallelism", async () => {
  await send("POST", `/v2/publish/${LATER}`, {
    headers: {
      "Upstash-Delay": "60s",
      "Upstash-Flow-Control-Key": "k/1",
      "Upstash-Flow-Control-Value": "rate=7, parallelism=3, period=60",
    },
  });
  const get = async () => readFlowControlInfo(await send("GET", "/v2/flowControl/k/1"));
  expect(await get()).toMatchObject({ key: "k/1", isPaused: false, isPinnedRate: false });
  await act("POST", "/v2/flowControl/k/1/pin", {
    params: { parallelism: "3", rate: "20", period: "120" },
  });
  const pinned = { isPinnedParallelism: true, isPinnedRate: true };
  expect(await get()).toMatchObject({ ...pinned, parallelismMax: 3, rateMax: 20, ratePeriod: 120 });
  await act("POST", "/v2/flowControl/k/1/unpin", { params: { parallelism: "true" } });
  expect(await get()).toMatchObject({ isPinnedParallelism: false, isPinnedRate: true });
  await act("POST", "/v2/flowControl/k/1/pause");
  expect(await get()).toMatchObject({ isPaused: true });
  await act("POST", "/v2/flowControl/k/1/resetRate");
  expect(await get()).toMatchObject({ isPaused: true, rateCount: 0 });
  await act("POST", "/v2/flowControl/k/1/resume");
  expect(await get()).toMatchObject({ isPaused: false });
  const { parallelismCount } = readGlobalParallelism(await send("GET", "/v2/globalParallelism"));
  expect(parallelismCount).toBe(0);
  await expect(send("GET", "/v2/flowControl/nobody")).rejects.toMatchObject({ status: 404 });
});

test("signing_key.get and rotate", async () => {
  const keys = readKeys(await send("GET", "/v2/keys"));
  expect(keys).toEqual(world.server.signingKeys);
  const rotated = readKeys(await send("POST", "/v2/keys/rotate"));
  expect(rotated.current).toBe(keys.next);
  expect(rotated.next).not.toBe(keys.next);
});

/** `jwt.decode` with the options that the client's receiver gives it. */
function decodeLikePython(
  token: string,
  key: string,
  now: number,
): Readonly<Record<string, unknown>> {
  const [head = "", payload = "", signature = ""] = token.split(".");
  const expected = createHmac("sha256", key).update(`${head}.${payload}`).digest("base64url");
  if (signature !== expected) throw new Error("Signature verification failed");
  // What is in it is asked for below.
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as Record<
    string,
    unknown
  >;
  for (const name of ["iss", "sub", "exp", "nbf"]) {
    if (!(name in claims)) throw new Error(`Token is missing the "${name}" claim`);
  }
  if (claims.iss !== "Upstash") throw new Error("Invalid issuer");
  if ("aud" in claims) throw new Error("Invalid audience");
  if (Number(claims.iat) > now) throw new Error("The token is not yet valid (iat)");
  if (Number(claims.nbf) > now) throw new Error("The token is not yet valid (nbf)");
  if (Number(claims.exp) <= now) throw new Error("Signature has expired");
  return claims;
}

test("the receiver accepts a delivery the second it arrives, with and without a body", async () => {
  const url = world.app.on("/python", () => new Response());
  for (const [index, body] of ["", "bödy"].entries()) {
    await send("POST", `/v2/publish/${url}`, { body });
    const delivery = await deliveryAt(world, "/python", index);
    const now = delivery.at / 1000;
    const { current } = world.server.signingKeys;
    const token = delivery.headers["upstash-signature"] ?? "";
    const claims = decodeLikePython(token, current, now);
    expect(claims.sub).toBe(url);
    const bodyHash = hash("sha256", body, "base64url");
    expect(String(claims.body).replace(/=+$/, "")).toBe(bodyHash);
  }
});
