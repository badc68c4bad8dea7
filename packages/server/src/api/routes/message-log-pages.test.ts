import type { LogResource } from "@reprise/protocol";
import { beforeEach, describe, expect, test } from "vitest";
import type { Change, EnvelopeRow, LogRow } from "../../core/rows.ts";
import { respond } from "../test-world.suite.ts";
import { type LogClient, openLogClient, type Page } from "./message-log-client.suite.ts";

let client: LogClient;

beforeEach(async () => {
  client = await openLogClient();
  client.world.host.app = () => respond(500, "broken");
});

/** Messages that fail at once: four entries each, all within the same millisecond. */
async function failures(count: number): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const headers = { "upstash-retries": "0", "upstash-label": `n${index}` };
    ids.push(await client.publish("https://app.test/x", { headers, body: "body" }));
  }
  for (const id of ids) await client.sequence(id, "FAILED");
  return ids;
}

/** Follows cursors to the end. */
async function walk(target: string): Promise<readonly Page[]> {
  const pages: Page[] = [];
  let cursor: string | undefined = "";
  while (cursor !== undefined && pages.length < 100) {
    const page: Page = await client.page(`${target}${cursor === "" ? "" : `&cursor=${cursor}`}`);
    pages.push(page);
    cursor = page.cursor;
  }
  return pages;
}

const nameOf = ({ messageId, state }: LogResource) => `${messageId} ${state}`;

describe("pages", () => {
  test.each(["latestFirst", "earliestFirst"])(
    "of any size, %s, show every entry once",
    async (order) => {
      await failures(4);
      const whole = (await client.events(`order=${order}`)).map(nameOf);
      expect(whole).toHaveLength(16);
      for (const count of [1, 2, 3, 5, 15, 16, 17]) {
        const pages = await walk(`/v2/events?order=${order}&count=${count}`);
        expect(pages.flatMap(({ events }) => events.map(nameOf))).toEqual(whole);
        expect(pages).toHaveLength(Math.ceil(16 / count));
        expect(pages.at(-1)).not.toHaveProperty("cursor");
      }
    },
  );

  test("the two orders are mirrored", async () => {
    await failures(3);
    const newest = await client.events("order=latestFirst");
    expect(newest[0]?.state).toBe("FAILED");
    expect(await client.events("order=earliestFirst")).toEqual(newest.toReversed());
  });

  test("of a filter show every match once", async () => {
    await failures(4);
    const pages = await walk("/v2/events?count=1&state=ERROR,FAILED&label=n1,n3");
    const states = pages.flatMap(({ events }) => events.map(({ state, label }) => [label, state]));
    expect(states).toEqual([
      ["n3", "FAILED"],
      ["n3", "ERROR"],
      ["n1", "FAILED"],
      ["n1", "ERROR"],
    ]);
    expect(pages.at(-1)).not.toHaveProperty("cursor");
  });

  test("newer entries do not move the places behind a cursor", async () => {
    const [first = ""] = await failures(2);
    const page = await client.page("/v2/events?count=3");
    expect(page.cursor).toMatch(/^\d{13}-\d+$/);
    await failures(1);
    const rest = await client.page(`/v2/events?cursor=${page.cursor}`);
    expect(rest.events).toHaveLength(5);
    expect(rest.events.at(-1)).toMatchObject({ messageId: first, state: "CREATED" });
  });

  test("a cursor that is a mere instant begins with its own millisecond", async () => {
    const ids = await failures(1);
    const at = client.world.host.now();
    await client.world.host.advance(1_000);
    const later = await failures(1);
    const messages = async (query: string) => [
      ...new Set((await client.events(query)).map(({ messageId }) => messageId)),
    ];
    expect(await messages(`cursor=${at}`)).toEqual(ids);
    expect(await messages(`cursor=${at}&count=2`)).toEqual(ids);
    expect(await messages(`cursor=${at - 1}`)).toEqual([]);
    expect(await messages(`cursor=${at + 1_000}&order=earliestFirst`)).toEqual(later);
    const pages = await walk(`/v2/events?count=1&toDate=${at}`);
    expect(pages).toHaveLength(4);
  });

  test.each(["x", "1-2-3", "-1", "1.5", "99999999999999999999", "5-99999999999999999"])(
    "the cursor %s is refused",
    async (cursor) => {
      const { status, json } = await client.send("GET", `/v2/events?cursor=${cursor}`);
      expect([status, json.error]).toEqual([400, expect.stringContaining("cursor")]);
    },
  );

  test("without any message there is no cursor", async () => {
    expect(await client.page("/v2/events")).toEqual({ events: [] });
    expect(await client.page("/v2/logs")).toEqual({ events: [], logs: [] });
    expect(await client.page("/v2/logs?groupBy=messageId")).toEqual({ messages: [] });
  });

  test("/v2/logs gives the entries under both of its names", async () => {
    await failures(1);
    const page = await client.page("/v2/logs?count=3");
    expect(page.logs).toHaveLength(3);
    expect(page.logs).toEqual(page.events);
    expect(page.events).toEqual(await client.events("count=3"));
  });
});

describe("a page by message", () => {
  test("lists messages with all of their entries, ten when nothing is said", async () => {
    const ids = await failures(11);
    const page = await client.page("/v2/logs?groupBy=messageId");
    expect(page.messages?.map(({ messageId }) => messageId)).toEqual(ids.toReversed().slice(0, 10));
    expect(page.messages?.[0]?.events).toEqual(await client.events(`messageId=${ids[10]}`));
    const rest = await client.page(`/v2/logs?groupBy=messageId&cursor=${page.cursor}`);
    expect(rest.messages?.map(({ messageId }) => messageId)).toEqual([ids[0]]);
    expect(rest).not.toHaveProperty("cursor");
  });

  test.each(["latestFirst", "earliestFirst"])("shows each message once, %s", async (order) => {
    const ids = await failures(4);
    const pages = await walk(`/v2/logs?groupBy=messageId&count=2&order=${order}`);
    const listed = pages.flatMap(({ messages = [] }) => messages.map(({ messageId }) => messageId));
    expect(listed).toEqual(order === "latestFirst" ? ids.toReversed() : ids);
    expect(pages).toHaveLength(2);
    const states = pages[0]?.messages?.[0]?.events.map(({ state }) => state);
    const forward = ["CREATED", "ACTIVE", "ERROR", "FAILED"];
    expect(states).toEqual(order === "latestFirst" ? forward.toReversed() : forward);
  });

  test("takes the same filters; one entry that is asked for brings the whole message", async () => {
    const ids = await failures(3);
    const waiting = await client.publish("https://app.test/x", {
      headers: { "upstash-delay": "1h" },
    });
    const listed = async (query: string) => {
      const { messages = [] } = await client.page(`/v2/logs?groupBy=messageId&${query}`);
      return messages.map(({ messageId, events }) => [messageId, events.length]);
    };
    expect(await listed("label=n1")).toEqual([[ids[1], 4]]);
    expect(await listed("state=FAILED&count=2")).toEqual([
      [ids[2], 4],
      [ids[1], 4],
    ]);
    expect(await listed(`messageIds=${waiting},${ids[0]}`)).toEqual([
      [waiting, 1],
      [ids[0], 4],
    ]);
    expect(await listed(`messageIds=${waiting},${ids[0]}&state=FAILED`)).toEqual([[ids[0], 4]]);
    expect(await listed(`fromDate=${client.world.host.now() + 1}`)).toEqual([]);
  });

  test("another grouping is refused", async () => {
    const { status, json } = await client.send("GET", "/v2/logs?groupBy=url");
    expect([status, json.error]).toEqual([400, expect.stringContaining("messageId")]);
  });
});

describe("a long log", () => {
  const MESSAGES = 12_000;

  /** Two rows a message; the first message has the label `rare`, its end is the only failure. */
  async function write(): Promise<void> {
    const changes: Change[] = [];
    for (let index = 0; index < MESSAGES; index += 1) {
      const key = 1_000_000 + index * 3;
      changes.push(
        { type: "insert", table: "envelopes", row: envelope(key, index === 0 ? "rare" : "usual") },
        { type: "insert", table: "logs", row: log(key + 1, key, "acceptedActive") },
        {
          type: "insert",
          table: "logs",
          row: log(key + 2, key, index === 0 ? "failed" : "delivered"),
        },
      );
    }
    await client.world.store.transaction((transaction) => transaction.write(changes));
  }

  function envelope(key: number, label: string): EnvelopeRow {
    const config = {
      method: "POST",
      headers: {},
      retries: 0,
      notBefore: 0,
      callerIp: "::1",
      labels: [label],
    };
    return {
      key,
      createdAt: key,
      url: "https://a.test/",
      config: JSON.stringify(config),
      body: new Uint8Array(),
      bodyHash: "",
    };
  }

  function log(key: number, messageKey: number, moment: LogRow["moment"]): LogRow {
    return {
      ...{
        key,
        messageKey,
        at: key,
        moment,
        retried: 0,
        startedAt: null,
        nextAt: null,
        status: null,
      },
      ...{
        error: null,
        cause: null,
        responseHeaders: null,
        responseBody: null,
        isTruncated: 0,
        move: null,
      },
    };
  }

  test("is looked through in bounded steps: a page may be short, and its cursor goes on", async () => {
    await write();
    const before = client.world.store.counters.rowsRead;
    const first = await client.page("/v2/events?label=rare");
    expect(client.world.store.counters.rowsRead - before).toBeLessThan(32_000);
    expect(first.events).toEqual([]);
    const pages = await walk("/v2/events?label=rare");
    expect(pages.flatMap(({ events }) => events.map(({ state }) => state))).toEqual([
      "FAILED",
      "ERROR",
      "ACTIVE",
      "CREATED",
    ]);
    expect(pages).toHaveLength(2);
  });

  test.each(["latestFirst", "earliestFirst"])(
    "loses nothing where keys lie far apart, %s",
    async (order) => {
      const keys = [-50_001, -50_000, -49_999, 0, 49_999, 50_000, 50_001, 200_000];
      const changes: Change[] = keys.flatMap((key) => [
        { type: "insert", table: "envelopes", row: envelope(key + 900_000, "usual") },
        { type: "insert", table: "logs", row: log(key + 900_000, key + 900_000, "delivered") },
      ]);
      await client.world.store.transaction((transaction) => transaction.write(changes));
      for (const query of ["", "&state=DELIVERED", "&label=usual"]) {
        expect(await client.events(`order=${order}${query}`)).toHaveLength(keys.length);
      }
    },
  );

  test.each(["latestFirst", "earliestFirst"])(
    "is shown whole, each entry once, %s",
    async (order) => {
      await write();
      const pages = await walk(`/v2/events?order=${order}&toDate=${1_000_000 + 1_200 * 3}`);
      const names = pages.flatMap(({ events }) => events.map(nameOf));
      // Each message has three entries, the first one four, and the last one that is in time only two.
      expect(names).toHaveLength(1_200 * 3 + 1);
      expect(new Set(names).size).toBe(names.length);
    },
  );

  test("finds a rare state and a far day in one step, and reads no more than it shows", async () => {
    await write();
    const read = async (query: string) => {
      const before = client.world.store.counters.rowsRead;
      const { events, cursor } = await client.page(`/v2/events?${query}`);
      expect(cursor).toBeUndefined();
      return [events.length, client.world.store.counters.rowsRead - before];
    };
    const [failed, rowsOfState = 0] = await read("state=FAILED");
    expect(failed).toBe(1);
    expect(rowsOfState).toBeLessThan(20);
    const [old, rowsOfDate = 0] = await read("toDate=1000002&fromDate=1000000");
    expect(old).toBe(4);
    expect(rowsOfDate).toBeLessThan(20);
    const [ofMessage, rowsOfMessage = 0] = await read(`messageId=msg_${(1_000_000).toString(36)}`);
    expect(ofMessage).toBe(4);
    expect(rowsOfMessage).toBeLessThan(20);
  });
});

describe("an answer with large bodies", () => {
  test("ends early, with a cursor, and nothing is left out", async () => {
    client.world.host.app = () => respond(500, "x".repeat(900_000));
    const ids: string[] = [];
    for (let index = 0; index < 12; index += 1) {
      const headers = { "upstash-retries": "0" };
      ids.push(await client.publish("https://app.test/x", { headers, body: "y".repeat(900_000) }));
    }
    for (const id of ids) await client.sequence(id, "FAILED");
    const pages = await walk("/v2/events?order=earliestFirst");
    expect(pages.length).toBeGreaterThan(1);
    const events = pages.flatMap((page) => page.events);
    expect(events).toHaveLength(48);
    for (const event of events) {
      expect(event.body).toHaveLength(1_200_000);
      expect(event.responseBody?.length).toBe(event.state === "ERROR" ? 1_200_000 : undefined);
    }
    expect((await walk("/v2/events?trimBody=-1")).length).toBe(1);
    const grouped = await walk("/v2/logs?groupBy=messageId&count=100");
    expect(grouped.length).toBeGreaterThan(1);
    expect(grouped.flatMap(({ messages = [] }) => messages)).toHaveLength(12);
  });
});
