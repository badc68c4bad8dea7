import { beforeEach, describe, expect, test } from "vitest";
import { respond } from "../test-world.suite.ts";
import { idOf, type LogClient, openLogClient } from "./message-log-client.suite.ts";

let client: LogClient;

beforeEach(async () => {
  client = await openLogClient();
  client.world.host.app = ({ url }) => respond(url.includes("broken") ? 500 : 200);
});

/** The messages whose entries a filter lets through, each once, oldest first. */
async function found(query: string): Promise<readonly string[]> {
  const events = await client.events(`order=earliestFirst&${query}`);
  return [...new Set(events.map(({ messageId }) => messageId))];
}

describe("filters on what a message was given", () => {
  const headers = { "upstash-delay": "1h" };
  let ids: Readonly<Record<string, string>>;

  beforeEach(async () => {
    await client.send("POST", "/v2/topics/orders/endpoints", {
      body: JSON.stringify({ endpoints: [{ url: "https://group.test/in" }] }),
      headers: { "content-type": "application/json" },
    });
    const publish = (
      target: string,
      more: Readonly<Record<string, string>> = {},
      address = "::1",
    ) => client.publish(target, { headers: { ...headers, ...more }, address });
    const labels = { "upstash-label": "red, green" };
    const flow = (key: string) => ({
      "upstash-flow-control-key": key,
      "upstash-flow-control-value": "rate=100",
    });
    ids = {
      red: await publish("https://A.test/x", labels),
      ported: await publish("https://a.test:8443/x?q=1", flow("one")),
      comma: await publish("https://a.test/x,y", flow("two,three")),
      caller: await publish("https://b.test/y", { "upstash-label": "green" }, "203.0.113.5"),
      group: await publish("orders"),
      queued: await publish("https://c.test/z", { "upstash-queue-name": "line" }),
      scheduled: await publishScheduled("https://d.test/w"),
    };
  });

  async function publishScheduled(url: string): Promise<string> {
    const { world } = client;
    const now = world.host.now();
    await world.engine.execute([
      {
        type: "publish",
        destination: { kind: "url", url },
        envelope: {
          ...{ method: "POST", headers: {}, retries: 0, callerIp: "::1" },
          ...{ notBefore: now + 3_600_000, scheduleId: "scd_1" },
        },
        ...{ body: new Uint8Array(), dedup: null, dedupUntil: now },
      },
    ]);
    const [newest] = await client.events("count=1");
    return newest?.messageId ?? "";
  }

  test.each<[string, readonly string[]]>([
    ["label=red", ["red"]],
    ["label=green", ["red", "caller"]],
    ["label=red&label=nothing", ["red"]],
    ["label=red,nothing", ["red"]],
    ["label=Red", []],
    ["url=https://b.test/y", ["caller"]],
    ["url=https://b.test", []],
    ["url=https://a.test/x,y", ["comma"]],
    ["url=https://b.test/y,https://a.test/x,y", ["comma", "caller"]],
    ["url=https://a.test:8443/x?q=1", ["ported"]],
    ["host=a.test", ["red", "ported", "comma"]],
    ["host=A.TEST:8443", ["ported"]],
    ["host=a.test:443", ["red", "comma"]],
    ["host=test", []],
    ["path=/x", ["red", "ported"]],
    ["path=/x,y", ["comma"]],
    ["path=/x?q=1", []],
    ["path=/x,/y", ["red", "ported", "caller"]],
    ["host=a.test&path=/x", ["red", "ported"]],
    ["topicName=orders", ["group"]],
    ["queueName=line", ["queued"]],
    ["scheduleId=scd_1", ["scheduled"]],
    ["flowControlKey=one", ["ported"]],
    ["flowControlKey=two,three", ["comma"]],
    ["flowControlKey=one,nothing", ["ported"]],
    ["callerIp=203.0.113.5", ["caller"]],
    ["callerIP=203.0.113.5", ["caller"]],
    ["label=green&callerIp=203.0.113.5", ["caller"]],
    ["label=red&callerIp=203.0.113.5", []],
    ["labeel=red&api=llm&queueName=line", ["queued"]],
  ])("%s", async (query, names) => {
    expect(await found(query.replaceAll("?q", "%3Fq"))).toEqual(names.map((name) => ids[name]));
  });

  test("messageId and messageIds name messages; unknown ones are none", async () => {
    const { red = "", caller = "", group = "" } = ids;
    expect(await found(`messageId=${caller}`)).toEqual([caller]);
    expect(await found(`messageIds=${group},${red}`)).toEqual([red, group]);
    expect(await found(`messageIds=${group}&messageIds=${red}`)).toEqual([red, group]);
    expect(await found(`messageIds=${group},${red}&label=red`)).toEqual([red]);
    expect(await found("messageId=msg_zzzzzz")).toEqual([]);
    expect(await found("messageIds=nonsense")).toEqual([]);
  });

  test.each(["state=DONE", "label=", "count=0", "count=many", "fromDate=yesterday", "order=up"])(
    "%s is refused, with what is allowed",
    async (query) => {
      const { status, json } = await client.send("GET", `/v2/events?${query}`);
      expect(status).toBe(400);
      expect(json.error).toContain(query.split("=")[0]);
    },
  );
});

describe("filters on entries", () => {
  test.each<[string, readonly string[]]>([
    ["CREATED", ["CREATED", "CREATED"]],
    ["ERROR", ["ERROR"]],
    ["FAILED", ["FAILED"]],
    ["DELIVERED", ["DELIVERED"]],
    ["CANCELED", []],
    ["CANCELLED", []],
    ["IN_PROGRESS", ["ERROR", "ACTIVE", "ACTIVE"]],
    ["DELIVERED,FAILED", ["FAILED", "DELIVERED"]],
  ])("state %s shows entries, not messages", async (state, states) => {
    const good = await client.publish("https://app.test/good");
    await client.sequence(good, "DELIVERED");
    const headers = { "upstash-retries": "0" };
    await client.sequence(await client.publish("https://app.test/broken", { headers }), "FAILED");
    const events = await client.events(`state=${state}`);
    expect(events.map((event) => event.state)).toEqual(states);
  });

  test("a cancelled message is found under both spellings, and spelled as clients read it", async () => {
    const headers = { "upstash-delay": "1h" };
    const id = await client.publish("https://app.test/later", { headers });
    const key = Number.parseInt(id.slice(4), 36);
    await client.world.engine.execute([{ type: "cancelMessage", messageKey: key }]);
    for (const state of ["CANCELED", "CANCELLED"]) {
      const events = await client.events(`state=${state}`);
      expect(events.map((event) => [event.messageId, event.state])).toEqual([[id, "CANCELED"]]);
    }
  });

  test("dates include their own millisecond", async () => {
    const { host } = client.world;
    const start = host.now();
    const ids: string[] = [];
    client.world.host.app = () => new Promise(() => {});
    for (let day = 0; day < 3; day += 1) {
      ids.push(await client.publish("https://app.test/x"));
      await host.advance(86_400_000 * 3);
    }
    const at = (day: number) => start + day * 86_400_000 * 3;
    const [first, second, third] = ids;
    const created = async (query: string) => found(`state=CREATED&${query}`);
    expect(await created(`fromDate=${at(1)}`)).toEqual([second, third]);
    expect(await created(`fromDate=${at(1) + 1}`)).toEqual([third]);
    expect(await created(`toDate=${at(1)}`)).toEqual([first, second]);
    expect(await created(`toDate=${at(1) - 1}`)).toEqual([first]);
    expect(await created(`fromDate=${at(1)}&toDate=${at(1)}`)).toEqual([second]);
    const newest = await client.events(`state=CREATED&fromDate=${at(1)}`);
    expect(newest.map(({ messageId }) => messageId)).toEqual([third, second]);
    const backwards = await client.send("GET", `/v2/events?fromDate=${at(1)}&toDate=${at(0)}`);
    expect(backwards.status).toBe(400);
  });

  test("messages of workflow runs have a log of their own and do not appear", async () => {
    client.world.host.app = (request) => respond(idOf(request) === "" ? 500 : 200);
    await client.world.start();
    expect(await client.events()).toEqual([]);
  });
});
