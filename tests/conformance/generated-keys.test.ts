// A production server makes its own token and keys, keeps them, and its rotations.

import { isDevSecret, type SigningKeysResource } from "@reprise/protocol";
import { expect, test } from "vitest";
import { useWorld } from "./world.ts";

const world = useWorld({
  isOnDisk: true,
  config: { mode: "production", token: null, signingKeys: null },
});

test("token and keys are made at the first start and are the same after the next one", async () => {
  const { token, signingKeys } = world.server;
  expect([token, signingKeys.current, signingKeys.next].some(isDevSecret)).toBe(false);
  expect(JSON.parse(Buffer.from(token, "base64").toString("utf8"))).toMatchObject({
    UserID: expect.any(String),
  });
  await world.restartServer();
  expect(world.server).toMatchObject({ token: "", tokenSource: "kept" });
  expect(world.server.signingKeys).toEqual(signingKeys);
  const url = world.serve("/order", async (context) => context.run("only", () => 1));
  await world.succeeded(await world.trigger({ url }));
});

test("a rotation survives the restart of the server", async () => {
  const answer = await world.call("POST", "/v2/keys/rotate");
  const { current, next } = answer.json as SigningKeysResource; // Compared with the last line.
  await world.restartServer();
  expect(world.server.signingKeys).toEqual({ current, next });
});
