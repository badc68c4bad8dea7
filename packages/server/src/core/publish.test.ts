import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { dedupIdOf, shortName } from "./publish.ts";

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("base64url");
const content = { kind: "content", hash: "h" } as const;
const group = { kind: "urlGroup", name: "all" } as const;

test("a short URL stands in the name as it is", () => {
  const toUrl = { dedup: content, destination: { kind: "url", url: "http://a/" } } as const;
  expect(dedupIdOf(toUrl, "http://a/", sha256)).toBe("content:h:http://a/");
  const toGroup = { dedup: { kind: "id", id: "mine" }, destination: group } as const;
  expect(dedupIdOf(toGroup, "http://a/", sha256)).toBe("mine:http://a/");
});

test("names of long texts fit an index, and differ where the texts do", () => {
  const long = "x".repeat(8_000);
  expect(shortName("x".repeat(512), sha256)).toBe("x".repeat(512));
  const [one, other] = [shortName(`${long}1`, sha256), shortName(`${long}2`, sha256)];
  expect(one).toMatch(/^sha256:[\w-]{43}$/);
  expect(one).not.toBe(other);
  expect(dedupIdOf({ dedup: content, destination: group }, `${long}1`, sha256)).toBe(
    `content:h:${one}`,
  );
});
