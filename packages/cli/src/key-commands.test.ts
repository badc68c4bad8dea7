import type { NewTokenResource, TokenResource } from "@reprise/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type MessageWorld, openMessageWorld } from "./message-target.test.fixture.ts";

let world: MessageWorld;

beforeEach(async () => {
  world = await openMessageWorld({ keyRotationGuardMs: 60_000 });
});

afterEach(() => world.close());

const listed = () => world.json<readonly TokenResource[]>(["tokens", "list"]);

test("keys are printed ready for an app", async () => {
  const { exitCode, out, err } = await world.run(["keys", "show"]);
  const { current, next } = world.server.signingKeys;
  expect([exitCode, err]).toEqual([0, ""]);
  expect(out).toBe(`QSTASH_CURRENT_SIGNING_KEY=${current}\nQSTASH_NEXT_SIGNING_KEY=${next}\n`);
  expect(await world.json(["keys", "show"])).toMatchObject({ current, next });
});

test("a rotation is asked about, and a second one too early needs force", async () => {
  const { current, next } = world.server.signingKeys;
  expect((await world.run(["keys", "rotate"])).exitCode).toBe(2);
  expect(await world.json(["keys", "show"])).toMatchObject({ current });
  const rotated = await world.run(["keys", "rotate"], { answer: "y" });
  expect(rotated.exitCode).toBe(0);
  expect(rotated.out).toMatch(new RegExp(`^QSTASH_CURRENT_SIGNING_KEY=${next}\n`));
  const early = await world.run(["keys", "rotate", "--yes"]);
  expect([early.exitCode, early.out]).toEqual([1, ""]);
  expect((await world.run(["keys", "rotate", "--yes", "--force"])).exitCode).toBe(0);
});

test("a token is printed alone, works within its scope and is revoked", async () => {
  const { exitCode, out, err } = await world.run([
    "tokens",
    "create",
    "shop",
    "--scope",
    "read-only",
  ]);
  expect(exitCode).toBe(0);
  const token = out.trimEnd();
  expect(err).toMatch(/^tok_\S+: made for read-only\. Keep it: it is not shown again\.\n$/);
  const env = { QSTASH_TOKEN: token };
  expect((await world.run(["queues", "list"], { env })).exitCode).toBe(0);
  expect((await world.run(["keys", "show"], { env })).exitCode).toBe(1);
  const id = err.split(":")[0] ?? "";
  const list = await world.run(["tokens", "list"]);
  expect(list.out).toMatch(new RegExp(`^${id} +shop +read-only +api +\\d{4}-`, "m"));
  expect(list.out).not.toContain(token);
  expect((await world.run(["tokens", "revoke", id])).exitCode).toBe(2);
  expect((await listed()).map((other) => other.id)).toContain(id);
  expect((await world.run(["tokens", "revoke", id, "--yes"])).err).toBe(`${id}: revoked\n`);
  expect((await world.run(["queues", "list"], { env })).exitCode).toBe(1);
});

test("as JSON a token is what the API answers", async () => {
  const token = await world.json<NewTokenResource>([
    ...["tokens", "create", "shop", "--scope", "publish-only"],
  ]);
  expect(token).toMatchObject({ name: "shop", scope: "publish-only" });
  expect(await listed()).toContainEqual(expect.objectContaining({ id: token.id }));
});

test("wrong uses are refused", async () => {
  for (const args of [
    ["tokens", "create", "shop"],
    ["tokens", "create", "shop", "--scope", "everything"],
    ["tokens", "revoke", "..", "--yes"],
    ["keys", "rotate", "now"],
  ]) {
    expect([args, (await world.run(args)).exitCode]).toEqual([args, 2]);
  }
});
