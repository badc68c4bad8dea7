import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { auditDatabase } from "@reprise/server";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { quietSdk } from "../conformance/quiet-sdk.ts";
import { fill } from "./busy-work.ts";
import { BusyWorld } from "./busy-world.ts";

quietSdk();
// Whole worlds on machines that may be slow: several waits, each of which has a deadline of its own.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const world = new BusyWorld(600);
let directory: string;
const keys = [{ name: "a", bytes: new Uint8Array(randomBytes(32)) }] as const;
const encryption = { keys, hasPayloads: true } as const;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "reprise-audit-encrypted-"));
  await world.start({ dataDir: directory, encryption });
  await fill(world);
  await world.stop();
});

afterAll(async () => {
  await world.close();
  rmSync(directory, { recursive: true, force: true });
});

test("an encrypted database is looked at with its keys, and as far as possible without", async () => {
  const place = { dataDir: directory };
  const whole = await auditDatabase(place, { isDeep: true, encryption });
  expect(whole).toMatchObject({ findings: [], unreadCount: 0 });
  const blind = await auditDatabase(place, { isDeep: true });
  expect(blind.findings).toEqual([]);
  expect(blind.unreadCount).toBeGreaterThan(20);
});

test("what was changed under its encryption is found with the keys", async () => {
  const database = new DatabaseSync(join(directory, "reprise.db"));
  database.exec(
    "UPDATE envelopes SET body = (SELECT body FROM envelopes ORDER BY key DESC LIMIT 1)",
  );
  database.close();
  const { findings } = await auditDatabase({ dataDir: directory }, { isDeep: true, encryption });
  expect(findings.map(({ name }) => name)).toEqual(["damaged-body"]);
});
