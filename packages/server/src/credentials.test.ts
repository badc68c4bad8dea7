import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { devServerConfig, parseServerConfig } from "./config.ts";
import { type OpenedCredentials, openCredentials } from "./credentials.ts";
import { createSystemHost } from "./host/system-host.ts";
import { openSqliteStore } from "./store/sqlite.ts";
import type { Store } from "./store/store.ts";

const host = createSystemHost();
let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "reprise-credentials-"));
});

afterEach(() => rmSync(dataDir, { recursive: true }));

async function withStore<R>(work: (store: Store) => Promise<R>): Promise<R> {
  const store = await openSqliteStore({ path: join(dataDir, "reprise.db") });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

type Env = Readonly<Record<string, string>>;

/** One start of a server, as far as its secrets are concerned. */
function withCredentials<R>(env: Env, work: (opened: OpenedCredentials) => Promise<R>): Promise<R> {
  return withStore(async (store) => {
    const config = parseServerConfig({ REPRISE_DATA_DIR: dataDir, ...env });
    return work(await openCredentials(config, store, host));
  });
}

/** A start that ends at once; what it has read stays. */
const open = (env: Env = {}) => withCredentials(env, async (credentials) => credentials);

/** The first start of a server that can show its token. */
const startFirst = () =>
  withCredentials({}, async (credentials) => {
    await credentials.keepToken();
    return credentials;
  });

const tokenOf = (UserID: string) =>
  btoa(JSON.stringify({ UserID, Password: "a long enough secret" }));

const GIVEN_PAIR = { current: "sig_0123456789012345678901", next: "sig_abcdefghijklmnopqrstuv" };
const GIVEN_KEYS = {
  REPRISE_CURRENT_SIGNING_KEY: GIVEN_PAIR.current,
  REPRISE_NEXT_SIGNING_KEY: GIVEN_PAIR.next,
};

const tokenFile = () => join(dataDir, "token");

/** Files of the data directory that hold `text`. */
function filesWith(text: string): readonly string[] {
  return readdirSync(dataDir).filter((name) => readFileSync(join(dataDir, name)).includes(text));
}

describe("a token that nobody has given", () => {
  test("is made at the first start, known to the next ones, and kept nowhere", async () => {
    const first = await startFirst();
    expect(first.tokenSource).toBe("made");
    const second = await open();
    expect(second).toMatchObject({ tokenSource: "kept", token: "" });
    expect(second.scopeOf(first.token)).toBe("full");
    const { Password } = JSON.parse(Buffer.from(first.token, "base64").toString());
    for (const part of [first.token, Password]) expect(filesWith(part)).toEqual([]);
    expect(filesWith("token:start")).not.toEqual([]);
    for (const other of ["", `${first.token} `, first.token.slice(1), "start"]) {
      expect(second.scopeOf(other)).toBeNull();
    }
  });

  test("is made anew as long as no start could show it", async () => {
    const { token } = await open();
    const next = await open();
    expect(next.tokenSource).toBe("made");
    expect(next.token).not.toBe(token);
    expect(next.scopeOf(token)).toBeNull();
  });

  test("has the form that SDKs read, and a secret that cannot be guessed", async () => {
    const { token } = await open();
    const { UserID, Password } = JSON.parse(Buffer.from(token, "base64").toString());
    expect(UserID).toBe("reprise");
    expect(Buffer.from(Password, "base64url")).toHaveLength(32);
  });
});

describe("the file of a token", () => {
  const old = tokenOf("reprise");

  test("that an earlier version has left is taken over and goes", async () => {
    writeFileSync(tokenFile(), `${old}\n`);
    const { token, tokenSource, scopeOf } = await open();
    expect([token, tokenSource, scopeOf(old)]).toEqual(["", "kept", "full"]);
    expect(readdirSync(dataDir)).not.toContain("token");
    expect(filesWith(old)).toEqual([]);
    expect((await open()).scopeOf(old)).toBe("full");
  });

  test("replaces the token that was made: that is how a lost one is replaced", async () => {
    const { token } = await startFirst();
    writeFileSync(tokenFile(), old);
    const { scopeOf } = await open();
    expect([scopeOf(token), scopeOf(old)]).toEqual([null, "full"]);
  });

  test("goes although a token is given, which it does not outlive", async () => {
    writeFileSync(tokenFile(), old);
    const { scopeOf } = await open({ REPRISE_TOKEN: tokenOf("me") });
    expect(readdirSync(dataDir)).not.toContain("token");
    expect(scopeOf(old)).toBeNull();
  });

  test.each(["", "\n", "  \n"])("that holds %j lets nobody in", async (content) => {
    writeFileSync(tokenFile(), content);
    const { token, tokenSource, scopeOf } = await open();
    expect([tokenSource, scopeOf(""), scopeOf(content)]).toEqual(["made", null, null]);
    expect(token.length).toBeGreaterThan(40);
  });

  test("that holds no token is named and stays", async () => {
    writeFileSync(tokenFile(), "hunter2");
    await expect(open()).rejects.toThrow(/token must have at least 24 characters/);
    expect(readFileSync(tokenFile(), "utf8")).toBe("hunter2");
  });
});

describe("given tokens", () => {
  test("have their scopes, and no others hold", async () => {
    const made = await startFirst();
    const { token, tokenSource, scopeOf, tokens } = await open({
      REPRISE_TOKEN: tokenOf("me"),
      REPRISE_READ_ONLY_TOKEN: tokenOf("reader"),
      REPRISE_PUBLISH_TOKEN: tokenOf("app"),
    });
    expect([token, tokenSource]).toEqual([tokenOf("me"), "given"]);
    expect(scopeOf(tokenOf("me"))).toBe("full");
    expect(scopeOf(tokenOf("reader"))).toBe("read-only");
    expect(scopeOf(tokenOf("app"))).toBe("publish-only");
    for (const other of ["", `${token} `, token.slice(1), token.toUpperCase(), made.token]) {
      expect(scopeOf(other)).toBeNull();
    }
    expect(tokens.list().map(({ id, source }) => `${id} ${source}`)).toEqual([
      "REPRISE_TOKEN settings",
      "REPRISE_READ_ONLY_TOKEN settings",
      "REPRISE_PUBLISH_TOKEN settings",
    ]);
    await expect(tokens.revoke("REPRISE_TOKEN")).rejects.toThrow(/comes from the settings/);
  });

  test("leave the one that was made for the time after them", async () => {
    const made = await startFirst();
    expect((await open({ REPRISE_TOKEN: tokenOf("me") })).scopeOf(made.token)).toBeNull();
    expect((await open()).scopeOf(made.token)).toBe("full");
  });
});

describe("signing keys", () => {
  test("are made once and kept over restarts", async () => {
    const first = (await open()).signingKeys();
    expect(first.current).toMatch(/^sig_[\w-]{32}$/);
    expect(first.next).not.toBe(first.current);
    expect((await open()).signingKeys()).toEqual(first);
  });

  test("that are given take the place of those that were kept", async () => {
    await open();
    const { rotatedAt, since: _, ...keys } = (await open(GIVEN_KEYS)).signingKeys();
    expect([keys, rotatedAt]).toEqual([GIVEN_PAIR, null]);
    expect((await open()).signingKeys()).toMatchObject(GIVEN_PAIR);
  });
});

describe("a rotation", () => {
  test("makes the next key the current one, for good", async () => {
    await withCredentials({}, async (credentials) => {
      const before = credentials.signingKeys();
      const after = await credentials.rotateSigningKeys(false);
      expect(after.current).toBe(before.next);
      expect([before.current, before.next]).not.toContain(after.next);
      expect(after.rotatedAt).toBeGreaterThan(1_700_000_000_000);
      expect(credentials.signingKeys()).toEqual(after);
      return after;
    }).then(async (after) => expect((await open()).signingKeys()).toEqual(after));
  });

  test("outlives restarts with the same given keys, which apps have dropped meanwhile", async () => {
    const rotated = await withCredentials(GIVEN_KEYS, (credentials) =>
      credentials.rotateSigningKeys(false),
    );
    expect(rotated.current).toBe(GIVEN_PAIR.next);
    expect((await open(GIVEN_KEYS)).signingKeys()).toEqual(rotated);
    const others = { ...GIVEN_KEYS, REPRISE_NEXT_SIGNING_KEY: "sig_another_one_of_an_operator" };
    expect((await open(others)).signingKeys()).toMatchObject({
      current: GIVEN_PAIR.current,
      next: others.REPRISE_NEXT_SIGNING_KEY,
      rotatedAt: null,
    });
  });

  test("is followed by another one only when time has passed or it is forced", async () => {
    await withCredentials({}, async ({ rotateSigningKeys, signingKeys }) => {
      const first = await rotateSigningKeys(false);
      await expect(rotateSigningKeys(false)).rejects.toMatchObject({
        code: "key_rotation_too_soon",
        status: 409,
        message: expect.stringMatching(/rotated at 20.* again after 20.*force=true/),
      });
      expect(signingKeys()).toEqual(first);
      expect((await rotateSigningKeys(true)).current).toBe(first.next);
    });
    const guard = { REPRISE_KEY_ROTATION_GUARD: "24h" };
    await expect(withCredentials(guard, (kept) => kept.rotateSigningKeys(false))).rejects.toThrow();
  });

  test("of two at once one is refused", async () => {
    await withCredentials({}, async ({ rotateSigningKeys }) => {
      const both = await Promise.allSettled([rotateSigningKeys(false), rotateSigningKeys(false)]);
      expect(both.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    });
  });

  test("in development is free, and the next start has the published keys again", async () => {
    const config = devServerConfig({ dataDir });
    await withStore(async (store) => {
      const { rotateSigningKeys } = await openCredentials(config, store, host);
      await rotateSigningKeys(false);
      await rotateSigningKeys(false);
    });
    await withStore(async (store) => {
      const { signingKeys } = await openCredentials(config, store, host);
      expect(signingKeys()).toMatchObject({ ...config.signingKeys, rotatedAt: null });
    });
  });
});

test("the secret of cursors is kept over restarts, so that a cursor outlives one", async () => {
  const { cursorSecret } = await open();
  expect(cursorSecret).toHaveLength(32);
  expect((await open()).cursorSecret).toEqual(cursorSecret);
});
