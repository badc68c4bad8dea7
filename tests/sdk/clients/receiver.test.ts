// The receiver says what is wrong, and to everything the same as the official one.

import { DEV_IDENTITY } from "@reprise/protocol";
import {
  Client,
  Receiver,
  SignatureError,
  type SignatureFault,
  type VerifyRequest,
} from "@reprise/sdk/messages";
import { Receiver as OfficialReceiver } from "@upstash/qstash";
import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { signToken, URL_SIGNED } from "./tokens.ts";

const KEYS = { currentSigningKey: "sig_current", nextSigningKey: "sig_next" };
const [current, next] = [KEYS.currentSigningKey, KEYS.nextSigningKey];
const receiver = new Receiver(KEYS);
/** The same where there is nothing but Web crypto. */
const edge = atTheEdge(() => new Receiver(KEYS));
const official = new OfficialReceiver({ ...KEYS, devMode: false });
const now = (): number => Math.floor(Date.now() / 1000);

afterEach(() => vi.unstubAllEnvs());

/** Node offers its own crypto; platforms that do not have Web crypto. */
function atTheEdge(make: () => Receiver): Receiver {
  const { getBuiltinModule } = process;
  Object.assign(process, { getBuiltinModule: undefined });
  try {
    return make();
  } finally {
    Object.assign(process, { getBuiltinModule });
  }
}

const PLATFORMS = { Node: (make: () => Receiver) => make(), "the edge": atTheEdge };

async function faultOf(request: VerifyRequest): Promise<SignatureError> {
  const [error, there] = await Promise.all(
    [receiver, edge].map((one) =>
      one.verify(request).then(
        () => null,
        (thrown: unknown) => thrown,
      ),
    ),
  );
  expect(there).toEqual(error);
  if (error instanceof SignatureError) return error;
  throw new Error(`no SignatureError: ${String(error)}`);
}

/** Does something that counts whole seconds, again when one has begun meanwhile. */
async function withinOneSecond<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    const second = now();
    const [result] = await Promise.allSettled([work()]);
    if (now() !== second) continue;
    if (result.status === "rejected") throw result.reason;
    return result.value;
  }
}

describe.each(Object.entries(PLATFORMS))("what is genuine in %s", (_name, on) => {
  const receiver = on(() => new Receiver(KEYS));

  test.each([current, next])("a signature with %s", async (key) => {
    const signature = signToken({ key, body: "grüße" });
    expect(await receiver.verify({ signature, body: "grüße" })).toBe(true);
    expect(await receiver.verify({ signature, body: "grüße", url: URL_SIGNED })).toBe(true);
  });

  test("bytes that are no text", async () => {
    const body = new Uint8Array([0, 255, 254, 13]);
    const signature = signToken({ key: current, body });
    expect(await receiver.verify({ signature, body })).toBe(true);
    expect(await receiver.verify({ signature, body: Buffer.from(body) })).toBe(true);
  });

  test("a view on a part of a buffer", async () => {
    const body = new Uint8Array([9, 1, 2, 9]).subarray(1, 3);
    const signature = signToken({ key: current, body: new Uint8Array([1, 2]) });
    expect(await receiver.verify({ signature, body })).toBe(true);
  });

  test("a late one within the tolerance", async () => {
    const signature = signToken({ key: current, claims: { exp: now() - 5 } });
    expect(await receiver.verify({ signature, body: "", clockTolerance: 60 })).toBe(true);
  });

  test("keys of the environment, read when they are needed", async () => {
    const late = on(() => new Receiver());
    vi.stubEnv("QSTASH_CURRENT_SIGNING_KEY", "sig_env");
    vi.stubEnv("QSTASH_NEXT_SIGNING_KEY", "sig_env_next");
    for (const key of ["sig_env", "sig_env_next"]) {
      expect(await late.verify({ signature: signToken({ key }), body: "" })).toBe(true);
    }
    vi.stubEnv("QSTASH_NEXT_SIGNING_KEY", "sig_rotated");
    const signature = signToken({ key: "sig_rotated" });
    expect(await late.verify({ signature, body: "" })).toBe(true);
  });

  test("more keys than are kept", async () => {
    const late = on(() => new Receiver({ nextSigningKey: "sig_other" }));
    for (const key of ["sig_1", "sig_2", "sig_3", "sig_4", "sig_5", "sig_1"]) {
      vi.stubEnv("QSTASH_CURRENT_SIGNING_KEY", key);
      expect(await late.verify({ signature: signToken({ key }), body: "" })).toBe(true);
    }
  });

  test("one key alone", async () => {
    vi.stubEnv("QSTASH_NEXT_SIGNING_KEY", "");
    const single = on(() => new Receiver({ currentSigningKey: current }));
    expect(await single.verify({ signature: signToken({ key: current }), body: "" })).toBe(true);
  });
});

/** What is wrong, the request, and what the message has to say. */
const FAULTS: readonly (readonly [SignatureFault, string, () => VerifyRequest])[] = [
  ["missing", "Upstash-Signature", () => ({ signature: "", body: "" })],
  ["malformed", "2 parts, not 3", () => ({ signature: "a.b", body: "" })],
  ["malformed", "header is no base64url", () => ({ signature: "ä.b.c", body: "" })],
  ["malformed", "header is no JSON object", () => ({ signature: "MTIz.b.c", body: "" })],
  [
    "algorithm",
    '"none"',
    () => ({ signature: signToken({ key: current, header: { alg: "none" } }), body: "" }),
  ],
  [
    "algorithm",
    '"HS512"',
    () => ({ signature: signToken({ key: current, header: { alg: "HS512" } }), body: "" }),
  ],
  [
    "malformed",
    "extensions",
    () => ({ signature: signToken({ key: current, header: { crit: ["x"] } }), body: "" }),
  ],
  [
    "key",
    "neither the current nor the next",
    () => ({ signature: signToken({ key: "other" }), body: "" }),
  ],
  [
    "issuer",
    '"Somebody"',
    () => ({ signature: signToken({ key: current, claims: { iss: "Somebody" } }), body: "" }),
  ],
  [
    "expired",
    "7 s ago",
    () => ({ signature: signToken({ key: current, claims: { exp: now() - 7 } }), body: "" }),
  ],
  [
    "expired",
    "0 s ago",
    () => ({ signature: signToken({ key: current, claims: { exp: now() } }), body: "" }),
  ],
  [
    "early",
    "in 30 s",
    () => ({ signature: signToken({ key: current, claims: { nbf: now() + 30 } }), body: "" }),
  ],
  [
    "malformed",
    "exp that is no number",
    () => ({ signature: signToken({ key: current, claims: { exp: "9" } }), body: "" }),
  ],
  [
    "url",
    "https://other.test",
    () => ({ signature: signToken({ key: current }), body: "", url: "https://other.test" }),
  ],
  [
    "body",
    "than the 7 bytes given",
    () => ({ signature: signToken({ key: current, body: "{}" }), body: "changed" }),
  ],
  [
    "malformed",
    "no claim body",
    () => ({ signature: signToken({ key: current, claims: { body: undefined } }), body: "" }),
  ],
];

test.each(FAULTS)("%s: %s", async (fault, text, toRequest) => {
  const { request, error } = await withinOneSecond(async () => {
    const made = toRequest();
    return { request: made, error: await faultOf(made) };
  });
  expect(error).toMatchObject({ name: "SignatureError", fault });
  expect(error.message).toContain(text);
  const { body, ...rest } = request;
  // It knows no bytes, and no options that are absent on purpose.
  await expect(official.verify({ ...rest, body: String(body) } as never)).rejects.toThrow();
});

test("a signature that is no text is missing", async () => {
  // What callers without types pass when the header is not there.
  const request = { signature: undefined, body: "" } as unknown as VerifyRequest;
  expect((await faultOf(request)).fault).toBe("missing");
});

test("the keys of development are the server's", async () => {
  const dev = new Receiver({ devMode: true, currentSigningKey: "other" });
  for (const key of [DEV_IDENTITY.currentSigningKey, DEV_IDENTITY.nextSigningKey]) {
    expect(await dev.verify({ signature: signToken({ key }), body: "" })).toBe(true);
  }
  expect(new Client({ devMode: true }).http.token).toBe(DEV_IDENTITY.token);
});

test("no keys are no fault of the request", async () => {
  vi.stubEnv("QSTASH_CURRENT_SIGNING_KEY", "");
  vi.stubEnv("QSTASH_NEXT_SIGNING_KEY", "");
  const signature = signToken({ key: current });
  await expect(new Receiver().verify({ signature, body: "" })).rejects.toMatchObject({
    name: "QstashError",
    message: expect.stringContaining("QSTASH_CURRENT_SIGNING_KEY"),
  });
});

/** What both say, as true or false. */
async function verdicts(request: {
  readonly signature: string;
  readonly body: string;
  readonly clockTolerance?: number;
}): Promise<readonly boolean[]> {
  const given = { clockTolerance: 0, ...request, url: URL_SIGNED };
  const checks = [receiver.verify(given), edge.verify(given), official.verify(given)];
  const [ours = false, there, theirs = false] = await Promise.all(
    checks.map((check) =>
      check.then(
        () => true,
        () => false,
      ),
    ),
  );
  expect(there).toBe(ours);
  return [ours, theirs];
}

/** One claim of another value. Not within a second of the edge, where the clock decides between the two checks. */
const anyClaim = fc.oneof(
  fc.constantFrom("Upstash", "upstash", "", null, 3, ["Upstash"]).map((iss) => ({ iss })),
  fc.constantFrom(URL_SIGNED, `${URL_SIGNED}/`, "", null).map((sub) => ({ sub })),
  fc.constantFrom(-100, -20, 20, 300).map((s) => ({ exp: now() + s })),
  fc.constantFrom(undefined, "9", null).map((exp) => ({ exp })),
  fc.constantFrom(-50, 20, 100).map((s) => ({ nbf: now() + s })),
  fc.constantFrom(0, "0", null).map((nbf) => ({ nbf })),
  fc.constantFrom(0, now() + 1000, "x", null, 1.5).map((iat) => ({ iat })),
  fc.constantFrom("", "x", null, 7, undefined).map((body) => ({ body })),
);

const anyHeader = fc.oneof(
  { weight: 3, arbitrary: fc.constant({}) },
  fc.constantFrom("HS256", "hs256", "none", "RS256", null).map((alg) => ({ alg })),
  fc.constantFrom("JWT", "jwt", 1).map((typ) => ({ typ })),
  fc.constantFrom([], ["exp"], "x").map((crit) => ({ crit })),
);

test("claims and headers of every kind get the same verdicts", async () => {
  let accepted = 0;
  const property = fc.asyncProperty(
    fc.array(anyClaim, { maxLength: 2 }),
    anyHeader,
    fc.constantFrom(current, next, current, "other"),
    fc.constantFrom(0, 30, 60),
    async (changes, header, key, clockTolerance) => {
      const claims = Object.assign({}, ...changes);
      const signature = signToken({ key, claims, header });
      const [ours, theirs] = await verdicts({ signature, body: "", clockTolerance });
      if (ours === true) accepted += 1;
      expect(ours).toBe(theirs);
    },
  );
  await fc.assert(property, { numRuns: 1_500, seed: 11 });
  expect(accepted).toBeGreaterThan(200);
});

test("genuine ones are accepted whatever the body is", async () => {
  const property = fc.asyncProperty(
    fc.string({ unit: "binary" }),
    fc.constantFrom(current, next),
    async (body, key) => {
      expect(await verdicts({ signature: signToken({ key, body }), body })).toEqual([true, true]);
    },
  );
  await fc.assert(property, { numRuns: 150, seed: 12 });
});

/** One character of a token replaced, put in, or taken out. */
const anyEdit = fc.record({
  at: fc.nat(),
  kind: fc.constantFrom("replace", "insert", "delete"),
  char: fc.constantFrom(..."AQgw09az-_+/=. \n!ä"),
});

test("damaged ones get the same verdicts", async () => {
  const property = fc.asyncProperty(
    fc.array(anyEdit, { minLength: 1, maxLength: 3 }),
    fc.string(),
    async (edits, body) => {
      const signature = edits.reduce(
        (text, { at, kind, char }) => {
          const place = at % text.length;
          const rest = text.slice(kind === "insert" ? place : place + 1);
          return text.slice(0, place) + (kind === "delete" ? "" : char) + rest;
        },
        signToken({ key: current, body }),
      );
      const [ours, theirs] = await verdicts({ signature, body });
      // The official one reads over characters that base64url does not have.
      if (/^[\w.-]*$/.test(signature)) expect(ours).toBe(theirs);
      else expect([ours, theirs]).not.toEqual([true, false]);
    },
  );
  await fc.assert(property, { numRuns: 1_500, seed: 13 });
});

test("texts of every kind are refused with a SignatureError", async () => {
  const part = fc.oneof(
    fc.string(),
    fc.json().map((text) => Buffer.from(text).toString("base64url")),
  );
  const property = fc.asyncProperty(
    fc.array(part, { maxLength: 5 }),
    fc.string(),
    async (parts, body) => {
      const signature = parts.join(".");
      expect(await faultOf({ signature, body })).toMatchObject({ name: "SignatureError" });
    },
  );
  await fc.assert(property, { numRuns: 1_000, seed: 14 });
});
