import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runCommand } from "./failing-app.test.fixture.ts";
import { openMessageWorld } from "./message-target.test.fixture.ts";

const CANARY = "canary-9c04e";
const bytesOf = { a: new Uint8Array(32).fill(1), b: new Uint8Array(32).fill(2) };
const textOf = (...names: readonly (keyof typeof bytesOf)[]) =>
  names.map((name) => `${name}:${Buffer.from(bytesOf[name]).toString("base64")}`).join();

let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "reprise-rotate-"));
});

afterEach(() => rmSync(dataDir, { recursive: true }));

function open(name: keyof typeof bytesOf | null) {
  const key = name === null ? null : { name, bytes: bytesOf[name] };
  const encryption = key === null ? null : { keys: [key] as const, hasPayloads: true };
  return openMessageWorld({ dataDir, encryption });
}

function rotate(env: Readonly<Record<string, string>>, ...args: readonly string[]) {
  return runCommand(["rotate-encryption", ...args], { env: { REPRISE_DATA_DIR: dataDir, ...env } });
}

function filesWith(text: string): readonly string[] {
  const names = readdirSync(dataDir);
  return names.filter((name) => readFileSync(join(dataDir, name)).includes(text));
}

test("a clear database is encrypted, gets another key, and is made clear again", async () => {
  let world = await open(null);
  const id = await world.publish("--delay", "1d", "--body", CANARY);
  const { current } = world.server.signingKeys;
  await world.close();
  expect(filesWith(CANARY)).toEqual(["reprise.db"]);

  const a = { REPRISE_ENCRYPTION_KEYS: textOf("a"), REPRISE_ENCRYPT_PAYLOADS: "true" };
  const first = await rotate(a);
  expect([first.exitCode, first.out]).toEqual([0, ""]);
  expect(first.err).toMatch(/^\d+ rows seen, [1-9]\d* changed\.\n$/);
  expect([...filesWith(CANARY), ...filesWith(current)]).toEqual([]);

  expect((await rotate({ ...a, REPRISE_ENCRYPTION_KEYS: textOf("b", "a") })).exitCode).toBe(0);
  world = await open("b");
  expect((await world.run(["messages", "show", id])).out).toContain(CANARY);
  const busy = await rotate({ ...a, REPRISE_ENCRYPTION_KEYS: textOf("b") });
  expect([busy.exitCode, busy.err]).toEqual([1, expect.stringMatching(/is in use by another/)]);
  await world.close();

  const back = await rotate({ REPRISE_ENCRYPTION_KEYS: textOf("b") }, "--decrypt");
  expect(back.exitCode).toBe(0);
  world = await open(null);
  expect((await world.run(["messages", "show", id])).out).toContain(CANARY);
  await world.close();
});

test("what is missing is said", async () => {
  const none = await rotate({});
  expect([none.exitCode, none.err]).toEqual([1, expect.stringMatching(/there is no key: give/)]);
  await (await open("a")).close();
  const wrong = await rotate({ REPRISE_ENCRYPTION_KEYS: textOf("b") });
  expect([wrong.exitCode, wrong.err]).toEqual([1, expect.stringMatching(/the key "a" is missing/)]);
  const bad = await rotate({ REPRISE_ENCRYPTION_KEYS: "a:b" });
  expect([bad.exitCode, bad.err]).toEqual([2, expect.stringMatching(/base64 of 32 bytes/)]);
});
