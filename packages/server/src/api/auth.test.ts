import { isRepriseError, TOKEN_BYTES_MAX, type TokenScope } from "@reprise/protocol";
import { describe, expect, test } from "vitest";
import { checkScope, checkToken } from "./auth.ts";
import { endpointOf } from "./endpoints.ts";
import type { Credentials, Peer } from "./room.ts";

const TOKEN = "dG9rZW4=";

const credentials: Pick<Credentials, "scopeOf"> = {
  // Would take what must not even be looked at.
  scopeOf: (token) => {
    return token === TOKEN || token === "" || token.length > 2_000 ? "publish-only" : null;
  },
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
    const request = new Request(`http://reprise.test${target}`, { headers });
    expect(checkToken(request, peer, credentials)).toBe("publish-only");
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

/** Scopes that may call the endpoint. */
function scopesOf(line: string): string {
  const [method = "", rawTarget = ""] = line.split(" ");
  const endpoint = endpointOf(method, { rawTarget });
  const isAllowed = (scope: TokenScope) => {
    try {
      checkScope(scope, endpoint.need);
      return true;
    } catch (error) {
      expect(error).toMatchObject({ code: "forbidden", status: 403 });
      return false;
    }
  };
  return (["full", "read-only", "publish-only"] as const).filter(isAllowed).join(" ");
}

describe("a scope", () => {
  test.each([
    "POST /v2/publish/https://app.test/x",
    "POST /v2/publish/group?upstash-delay=1s",
    "POST /V2/Publish/https://app.test/x",
    "POST /v2/enqueue/orders/https://app.test/x",
    "POST /v2/trigger/https://app.test/x",
    "POST /v2/batch",
    "POST /v2/batch/trigger",
    "POST /v2/notify/event",
    "POST /v2/notify/wfr_a/event",
    "POST /v2/wait/event",
    "DELETE /v2/workflows/runs/wfr_a?cancel=false",
  ])("of apps allows %s, that of readers does not", (line) => {
    expect(scopesOf(line)).toBe("full publish-only");
  });

  test.each([
    "GET /v2/messages/msg_1",
    "HEAD /v2/queues",
    "GET /v2/events?count=1",
    "GET /v2/workflows/dlq/1-1",
    "GET /v2/publish/https://app.test/x",
    "GET /v2/whatever/comes/next",
  ])("of readers allows %s, that of apps does not", (line) => {
    expect(scopesOf(line)).toBe("full read-only");
  });

  test("of both allows to read the steps of a run", () => {
    expect(scopesOf("GET /v2/workflows/runs/wfr_a")).toBe("full read-only publish-only");
  });

  test.each([
    "GET /v2/keys",
    "GET /v2/keys/",
    "GET /V2/KEYS?x=1",
    "HEAD /v2/keys",
    "POST /v2/keys/rotate",
    "GET /v2/tokens",
    "POST /v2/tokens",
    "DELETE /v2/tokens/tok_a",
    "POST /v2/queues",
    "POST /v2/queues/",
    "POST /v2/queues/orders/pause",
    "DELETE /v2/queues/orders",
    "POST /v2/schedules/https://app.test/x",
    "POST /v2/schedules/scd_a/pause",
    "PATCH /v2/schedules/scd_a/resume",
    "DELETE /v2/messages",
    "DELETE /v2/messages/msg_1",
    "POST /v2/messages/msg_1/retry",
    "POST /v2/dlq/retry",
    "POST /v2/flowControl/a/b/pin?rate=1",
    "PATCH /v2/topics/group",
    "DELETE /v2/workflows/runs/wfr_a",
    "DELETE /v2/workflows/runs/wfr_a?cancel=true",
    "DELETE /v2/workflows/runs/wfr_a?cancel=false&cancel=true",
    "DELETE /v2/workflows/runs?cancel=false",
    "POST /v2/publish",
    "PUT /v2/publish/https://app.test/x",
    "POST /v2/publishing/https://app.test/x",
    "POST /v2/whatever/comes/next",
    "POST /v2",
  ])("of neither allows %s", (line) => {
    expect(scopesOf(line)).toBe("full");
  });
});
