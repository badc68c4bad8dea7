import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runCommand } from "./failing-app.test.fixture.ts";
import { type MessageWorld, openMessageWorld } from "./message-target.test.fixture.ts";

let directory: string;
let world: MessageWorld;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "reprise-doctor-"));
  world = await openMessageWorld({ dataDir: directory });
});

afterEach(async () => {
  await world.close();
  rmSync(directory, { recursive: true, force: true });
});

function plant(sql: string): void {
  const database = new DatabaseSync(join(directory, "reprise.db"), { timeout: 60_000 });
  database.exec(sql);
  database.close();
}

test("a healthy server is clean, and the place may come from the environment", async () => {
  await world.publish("--delay", "1h");
  const given = await runCommand(["doctor", "--data-dir", directory, "--deep"]);
  expect([given.exitCode, given.out]).toEqual([0, ""]);
  expect(given.err).toMatch(
    /reprise\.db: \d+ promises checked, everything holds; a server works with it\n$/,
  );
  const { exitCode, out } = await runCommand(["doctor", "--json"], {
    env: { REPRISE_DATA_DIR: directory },
  });
  expect(exitCode).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ findings: [], isInUse: true, isDeep: false });
});

test("a finding says what it means, what to do, and whom it is about", async () => {
  const id = await world.publish("--delay", "1h");
  plant("DELETE FROM messages");
  const { exitCode, out, err } = await runCommand(["doctor", "--data-dir", directory]);
  expect(exitCode).toBe(1);
  expect(out).toMatch(
    new RegExp(
      "^message-without-end \\(1\\)\\n {2}broken: an accepted message .*\\n {2}means: .*\\n {2}do: .*\\n" +
        ` {2}message ${id}: neither open nor ended\\n$`,
      "m",
    ),
  );
  expect(err).toMatch(/reprise: 1 finding; see docs\/doctor\.md\n$/);
  const asJson = await runCommand(["doctor", "--data-dir", directory, "--json"]);
  expect(asJson.exitCode).toBe(1);
  expect(JSON.parse(asJson.out).findings).toMatchObject([
    { name: "message-without-end", count: 1 },
  ]);
});

test("what cannot be looked at ends with 2 and says why", async () => {
  const missing = await runCommand(["doctor", "--data-dir", join(directory, "nowhere")]);
  expect([missing.exitCode, missing.out]).toEqual([2, ""]);
  expect(missing.err).toContain("there is no database");
  const down = await runCommand(["doctor", "--database-url", "postgres://me:secret@127.0.0.1:9/x"]);
  expect([down.exitCode, down.out]).toEqual([2, ""]);
  expect(down.err).toMatch(/could not be used at postgres:\/\/127\.0\.0\.1:9\/x: .*ECONNREFUSED/);
  expect(down.err).not.toContain("secret");
  const both = await runCommand(["doctor", "--data-dir", "a", "--database-url", "b"]);
  expect(both.exitCode).toBe(2);
});
