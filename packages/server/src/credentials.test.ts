import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseServerConfig } from "./config.ts";
import { openCredentials } from "./credentials.ts";
import { createSystemHost } from "./host/system-host.ts";
import { openSqliteStore } from "./store/sqlite.ts";

const host = createSystemHost();
let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "reprise-credentials-"));
});

afterEach(() => rmSync(dataDir, { recursive: true }));

/** One start of a server, as far as its secrets are concerned. */
async function open(env: Readonly<Record<string, string>> = {}) {
  const store = await openSqliteStore({ path: join(dataDir, "reprise.db") });
  try {
    const config = parseServerConfig({ REPRISE_DATA_DIR: dataDir, ...env });
    return await openCredentials(config, store, host);
  } finally {
    await store.close();
  }
}

const tokenFile = () => join(dataDir, "token");
const modeOf = (file: string) => statSync(file).mode & 0o777;

describe("a token that nobody has given", () => {
  test("is made at the first start, in a file that only its owner reads, and kept", async () => {
    const first = await open();
    expect(first.tokenFile).toBe(tokenFile());
    expect(modeOf(tokenFile())).toBe(0o600);
    expect(readFileSync(tokenFile(), "utf8")).toBe(`${first.token}\n`);
    const second = await open();
    expect(second.token).toBe(first.token);
    expect(second.isToken(first.token)).toBe(true);
  });

  test("has the form that SDKs read, and a secret that cannot be guessed", async () => {
    const { token } = await open();
    const { UserID, Password } = JSON.parse(Buffer.from(token, "base64").toString());
    expect(UserID).toBe("reprise");
    expect(Buffer.from(Password, "base64url")).toHaveLength(32);
    rmSync(tokenFile());
    expect((await open()).token).not.toBe(token);
  });

  test("stays secret although somebody has opened its file to others", async () => {
    await open();
    chmodSync(tokenFile(), 0o644);
    await open();
    expect(modeOf(tokenFile())).toBe(0o600);
  });

  test.each(["", "\n", "  \n"])("is made anew when its file holds %j", async (content) => {
    writeFileSync(tokenFile(), content);
    const { token, isToken } = await open();
    expect(token.length).toBeGreaterThan(40);
    expect(isToken("")).toBe(false);
    expect((await open()).token).toBe(token);
  });
});

describe("a given token", () => {
  const given = btoa(JSON.stringify({ UserID: "me", Password: "a long enough secret" }));

  test("is the only one and leaves no file", async () => {
    const { token, tokenFile: file, isToken } = await open({ REPRISE_TOKEN: given });
    expect([token, file]).toEqual([given, null]);
    expect(isToken(given)).toBe(true);
    for (const other of ["", `${given} `, given.slice(1), given.toUpperCase()]) {
      expect(isToken(other)).toBe(false);
    }
  });
});

describe("signing keys", () => {
  test("are made once and kept over restarts", async () => {
    const first = (await open()).signingKeys();
    expect(first.current).toMatch(/^sig_[\w-]{32}$/);
    expect(first.next).not.toBe(first.current);
    expect((await open()).signingKeys()).toEqual(first);
  });

  test("rotate: the next becomes the current one, for good", async () => {
    const store = await openSqliteStore({ path: join(dataDir, "reprise.db") });
    const config = parseServerConfig({ REPRISE_DATA_DIR: dataDir });
    const credentials = await openCredentials(config, store, host);
    const before = credentials.signingKeys();
    const after = await credentials.rotateSigningKeys();
    expect(after.current).toBe(before.next);
    expect([before.current, before.next]).not.toContain(after.next);
    expect(credentials.signingKeys()).toEqual(after);
    await store.close();
    expect((await open()).signingKeys()).toEqual(after);
  });

  test("that are given take the place of those that were kept", async () => {
    await open();
    const given = {
      REPRISE_CURRENT_SIGNING_KEY: "sig_0123456789012345678901",
      REPRISE_NEXT_SIGNING_KEY: "sig_abcdefghijklmnopqrstuv",
    };
    const keys = {
      current: given.REPRISE_CURRENT_SIGNING_KEY,
      next: given.REPRISE_NEXT_SIGNING_KEY,
    };
    expect((await open(given)).signingKeys()).toEqual(keys);
    expect((await open()).signingKeys()).toEqual(keys);
  });
});

test("the secret of cursors is kept over restarts, so that a cursor outlives one", async () => {
  const { cursorSecret } = await open();
  expect(cursorSecret).toHaveLength(32);
  expect((await open()).cursorSecret).toEqual(cursorSecret);
});
