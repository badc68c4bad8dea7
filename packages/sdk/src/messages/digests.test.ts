import fc from "fast-check";
import { expect, test } from "vitest";
import { findDigests, WebDigests } from "./digests.ts";

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Uint8Array.from(array));
const web = new WebDigests();

test("Node's own digests are those of the Web", () =>
  fc.assert(
    fc.asyncProperty(bytes, async (some) => {
      const own = findDigests();
      expect(own).not.toBeInstanceOf(WebDigests);
      expect(Uint8Array.from(await own.sha256(some))).toEqual(await web.sha256(some));
    }),
  ));

test("both take the same signatures, and turn the same away", () =>
  fc.assert(
    fc.asyncProperty(
      fc.record({ secret: fc.string({ minLength: 1 }), signed: bytes, spoiled: fc.nat(40) }),
      async ({ secret, signed, spoiled }) => {
        const raw = new TextEncoder().encode(secret);
        const hmac = { name: "HMAC", hash: "SHA-256" };
        const key = await crypto.subtle.importKey("raw", raw, hmac, false, ["sign"]);
        const signature = new Uint8Array(await crypto.subtle.sign("HMAC", key, signed));
        const isRight = spoiled > signature.length;
        if (spoiled < signature.length) signature[spoiled] = (signature[spoiled] ?? 0) ^ 1;
        const given = spoiled === signature.length ? signature.slice(1) : signature;
        const request = { secret, signed, signature: given };
        expect(await web.isSigned(request)).toBe(isRight);
        expect(await findDigests().isSigned(request)).toBe(isRight);
      },
    ),
  ));
