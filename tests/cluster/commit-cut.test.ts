import { type EmbeddedPostgres, embeddedPostgres } from "@reprise/server/embedded-postgres.suite";
import { Client } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { TcpProxy } from "./tcp-proxy.ts";

let postgres: EmbeddedPostgres;
let url: string;
let proxy: TcpProxy;

beforeAll(async () => {
  postgres = await embeddedPostgres();
  url = await postgres.createDatabase();
  await postgres.query("CREATE TABLE facts (number int)", url);
  proxy = new TcpProxy(postgres.port);
  await proxy.start();
}, 180_000);

afterAll(async () => {
  await proxy.stop();
  await postgres.remove();
});

async function facts(): Promise<readonly unknown[]> {
  const rows = await postgres.query("SELECT number FROM facts ORDER BY number", url);
  return rows.map(({ number }) => number);
}

/** Inserts in a transaction through the proxy; gives what the client hears of its commit. */
async function insert(number: number, pipelined: boolean): Promise<string> {
  const through = new URL(url);
  through.port = String(proxy.port);
  const client = new Client({ connectionString: through.href });
  const broken = new Promise<string>((resolve) => client.on("error", () => resolve("broken")));
  await client.connect();
  const statements = ["BEGIN", `INSERT INTO facts VALUES (${number})`, "COMMIT"];
  try {
    if (pipelined) await client.query(statements.join(";"));
    else for (const statement of statements) await client.query(statement);
    await client.end();
    return "committed";
  } catch {
    return broken;
  }
}

test.each([false, true])(
  "of a commit that is cut off behind the server nothing is heard (in one message: %s)",
  async (pipelined) => {
    const number = pipelined ? 20 : 10;
    proxy.cutCommit("after");
    expect(await insert(number, pipelined)).toBe("broken");
    expect(await facts()).toContain(number);
    expect(await insert(number + 1, pipelined)).toBe("committed");
  },
);

test("a commit that is cut off before the server has not happened", async () => {
  proxy.cutCommit("before", 2);
  expect(await insert(30, false)).toBe("broken");
  expect(await insert(31, false)).toBe("broken");
  expect(await insert(32, false)).toBe("committed");
  expect((await facts()).filter((number) => Number(number) >= 30)).toEqual([32]);
});
