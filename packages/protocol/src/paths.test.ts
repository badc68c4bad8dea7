import { expect, test } from "vitest";
import { DEV_IDENTITY, DEV_TEST_IDENTITIES, isDevSecret } from "./dev-identity.ts";
import { afterPrefix, DESTINATION_PREFIX, deadLetterPath, runPath } from "./paths.ts";

test("what follows a prefix keeps its bytes, whatever the case of the prefix", () => {
  expect(afterPrefix("/V2/Publish/https://x//y?a=%2F", DESTINATION_PREFIX.publish)).toBe(
    "https://x//y?a=%2F",
  );
  expect(afterPrefix("/v2/publish", DESTINATION_PREFIX.publish)).toBeNull();
  expect(afterPrefix("/v2/trigger/x", DESTINATION_PREFIX.publish)).toBeNull();
});

test("ids are encoded in paths", () => {
  expect(runPath("wfr_a/b")).toBe("/v2/workflows/runs/wfr_a%2Fb");
  expect(deadLetterPath("1-2")).toBe("/v2/workflows/dlq/1-2");
});

test("the development tokens name their users, and every development secret is known as one", () => {
  for (const { userId, token, currentSigningKey, nextSigningKey } of [
    DEV_IDENTITY,
    ...DEV_TEST_IDENTITIES,
  ]) {
    expect(JSON.parse(atob(token))).toMatchObject({ UserID: userId });
    expect([token, currentSigningKey, nextSigningKey].every(isDevSecret)).toBe(true);
  }
  expect(isDevSecret("sig_own")).toBe(false);
});
