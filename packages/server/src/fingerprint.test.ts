import { expect, test } from "vitest";
import { parseServerConfig } from "./config.ts";
import { fingerprintOf } from "./observe/readings.ts";

const egressOf = (allow: string) => parseServerConfig({ REPRISE_EGRESS_ALLOW: allow }).egress;

test("the fingerprint of settings tells ranges of addresses apart", () => {
  const one = fingerprintOf(egressOf("10.0.0.0/8,app:3000"));
  expect(one).toMatch(/^[0-9a-f]{12}$/);
  expect(fingerprintOf(egressOf("10.0.0.0/8,app:3000"))).toBe(one);
  expect(fingerprintOf(egressOf("11.0.0.0/8,app:3000"))).not.toBe(one);
});
