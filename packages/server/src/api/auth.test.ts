import { isRepriseError, TOKEN_BYTES_MAX } from "@reprise/protocol";
import { describe, expect, test } from "vitest";
import { checkToken } from "./auth.ts";
import type { Credentials, Peer } from "./room.ts";

const TOKEN = "dG9rZW4=";

const keys = { current: "sig_a", next: "sig_b" };
const credentials: Credentials = {
  // Would take what must not even be looked at.
  isToken: (token) => token === TOKEN || token === "" || token.length > 2_000,
  signingKeys: () => keys,
  rotateSigningKeys: async () => keys,
  cursorSecret: new Uint8Array(32),
};

interface Sent {
  /** Each value is one header of its own. */
  readonly authorization?: readonly string[];
  readonly target?: string;
}

/** `accepted`, or the reason why not. */
function check({ authorization = [], target = "/v2/keys" }: Sent): string {
  const headers = new Headers();
  for (const value of authorization) headers.append("authorization", value);
  const peer: Peer = {
    address: "127.0.0.1",
    rawTarget: target,
    rawHeaders: authorization.flatMap((value) => ["Authorization", value]),
  };
  try {
    checkToken(new Request(`http://reprise.test${target}`, { headers }), peer, credentials);
  } catch (error) {
    if (!isRepriseError(error)) throw error;
    expect(error).toMatchObject({ code: "unauthorized", status: 401 });
    return error.message.replace("unable to authenticate: ", "");
  }
  return "accepted";
}

describe("accepted is", () => {
  test.each([`Bearer ${TOKEN}`, `bearer ${TOKEN}`, `BEARER   ${TOKEN}`])(
    "the header %j",
    (value) => {
      expect(check({ authorization: [value] })).toBe("accepted");
    },
  );

  test.each([
    `/v2/keys?qstash_token=${TOKEN}`,
    `/v2/keys?a=1&qstash_token=${encodeURIComponent(TOKEN)}`,
    `/v2/publish/https://app.test/x?qstash_token=${TOKEN}&y=1`,
  ])("the query of %s", (target) => {
    expect(check({ target })).toBe("accepted");
  });

  test("the same token in both places", () => {
    const target = `/v2/keys?qstash_token=${TOKEN}`;
    expect(check({ authorization: [`Bearer ${TOKEN}`], target })).toBe("accepted");
  });
});

describe("refused is", () => {
  test("a request without a token, with the way to send one", () => {
    expect(check({})).toBe("send the token as `Authorization: Bearer <token>`");
    expect(check({ target: "/v2/qstash_token=x" })).toMatch(/^send the token/);
  });

  test.each(["Bearer wrong", `Bearer ${TOKEN}x`, `Bearer ${TOKEN.toUpperCase()}`])(
    "the wrong token of %j",
    (value) => {
      expect(check({ authorization: [value] })).toBe("invalid token");
    },
  );

  test.each([
    TOKEN,
    `Basic ${TOKEN}`,
    "Bearer",
    "Bearer ",
    `Bearer ${TOKEN} x`,
    `Bearer${TOKEN}`,
    "",
  ])("the form of %j", (value) => {
    expect(check({ authorization: [value] })).toBe(
      "the Authorization header must have the form `Bearer <token>`",
    );
  });

  test("a header that was sent twice, even with the same token", () => {
    const twice = [`Bearer ${TOKEN}`, `Bearer ${TOKEN}`];
    expect(check({ authorization: twice })).toBe(
      "the Authorization header was sent more than once",
    );
  });

  test("two different tokens, whichever of them is right", () => {
    for (const [inHeader, inQuery] of [
      [TOKEN, "other"],
      ["other", TOKEN],
    ]) {
      const target = `/v2/keys?qstash_token=${inQuery}`;
      expect(check({ authorization: [`Bearer ${inHeader}`], target })).toBe(
        "two different tokens were sent",
      );
    }
    expect(check({ target: `/v2/keys?qstash_token=${TOKEN}&qstash_token=other` })).toBe(
      "two different tokens were sent",
    );
  });

  test("an empty token", () => {
    expect(check({ target: "/v2/keys?qstash_token=" })).toBe("invalid token");
  });

  test("a token of any length, before it is looked at", () => {
    const long = "x".repeat(Math.max(TOKEN_BYTES_MAX + 1, 2_001));
    expect(check({ authorization: [`Bearer ${long}`] })).toBe("invalid token");
  });
});
