import { createHash, createHmac } from "node:crypto";
import { Receiver } from "@upstash/qstash";
import { expect, test } from "vitest";
import { DEV_IDENTITY } from "./dev-identity.ts";
import { compactJwt, signatureClaims, signingInput } from "./signature.ts";

const toBase64Url = (text: string) => Buffer.from(text).toString("base64url");

const NOW = 1_700_000_000_999;

function claimsOf(body: string, url = "https://app.test/wf", now = NOW) {
  const bodySha256 = createHash("sha256").update(body).digest("base64url");
  return signatureClaims({ url, bodySha256, now, jwtId: "jwt_1" });
}

test("the claims are the seven that verifiers read", () => {
  expect(claimsOf("")).toEqual({
    iss: "Upstash",
    sub: "https://app.test/wf",
    exp: 1_700_000_300,
    nbf: 0,
    iat: 1_700_000_000,
    jti: "jwt_1",
    body: "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=",
  });
});

test("the official receiver accepts a signature, with a URL that is not ASCII as well", async () => {
  const { currentSigningKey, nextSigningKey } = DEV_IDENTITY;
  const receiver = new Receiver({ currentSigningKey, nextSigningKey });
  for (const [body, url] of [
    ["", "https://app.test/wf"],
    ['{"a":"ü"}', "https://app.test/ü?x=1"],
  ] as const) {
    const input = signingInput(claimsOf(body, url, Date.now()), toBase64Url);
    const signature = compactJwt(
      input,
      createHmac("sha256", currentSigningKey).update(input).digest("base64url"),
    );
    await expect(receiver.verify({ signature, body, url })).resolves.toBe(true);
    await expect(receiver.verify({ signature, body: `${body} `, url })).rejects.toThrow();
  }
});
