import { expect, test } from "vitest";
import { AuthFailures } from "./auth-failures.ts";

let now = 1_750_000_000_000;

const open = (max: number) => new AuthFailures(() => now, max);

/** `limited`, or how the failure is passed on. */
function add(failures: AuthFailures, address: string): string {
  try {
    failures.add(address);
  } catch (error) {
    expect(error).toMatchObject({ code: "rate_limited", status: 429 });
    return "limited";
  }
  return "counted";
}

const addMany = (failures: AuthFailures, addresses: readonly string[]) =>
  addresses.map((address) => add(failures, address));

test("an address has its share of each second", () => {
  const failures = open(2);
  const address = "192.0.2.1";
  expect(addMany(failures, [address, address, address])).toEqual(["counted", "counted", "limited"]);
  expect(add(failures, "192.0.2.2")).toBe("counted");
  now += 999;
  expect(add(failures, address)).toBe("limited");
  now += 1;
  expect(add(failures, address)).toBe("counted");
});

test("the answer says what the limit is and when it starts again", () => {
  const failures = open(1);
  failures.add("192.0.2.1");
  expect(() => failures.add("192.0.2.1")).toThrow(
    expect.objectContaining({ details: { limit: 1, remaining: 0, resetAt: now + 1_000 } }),
  );
});

test("the addresses that one caller has in IPv6 are one", () => {
  const failures = open(1);
  const same = ["2001:db8:1:2::1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"];
  expect(addMany(failures, same)).toEqual(["counted", "limited", "limited"]);
  expect(addMany(failures, ["2001:db8:1:3::1", "2001:db8::1", "::1"])).toEqual([
    "counted",
    "counted",
    "counted",
  ]);
  expect(add(failures, "2001:db8::2")).toBe("limited");
});

test("a clock that is set back does not count for ever", () => {
  const failures = open(1);
  expect(addMany(failures, ["192.0.2.1", "192.0.2.1"])).toEqual(["counted", "limited"]);
  now -= 3_600_000;
  expect(add(failures, "192.0.2.1")).toBe("counted");
});

test("addresses without number are counted no further, and none of them is locked out", () => {
  const failures = open(1);
  for (let count = 0; count < 20_000; count += 1) {
    expect(add(failures, `10.0.${count >> 8}.${count & 255}`)).toBe("counted");
  }
  expect(add(failures, "10.0.0.0")).toBe("limited");
});
