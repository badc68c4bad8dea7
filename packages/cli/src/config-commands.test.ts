import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { runCommand } from "./failing-app.test.fixture.ts";

/** Secrets of every kind, none of which may be printed. */
const SECRETS = {
  REPRISE_TOKEN: Buffer.from('{"UserID":"me","Password":"canary-token-1f3a5c7e"}').toString(
    "base64",
  ),
  REPRISE_CURRENT_SIGNING_KEY: "sig_canary_current_0123456789",
  REPRISE_NEXT_SIGNING_KEY: "sig_canary_next_0123456789abc",
  REPRISE_ENCRYPTION_KEYS: `canarykey:${"A".repeat(43)}=`,
  REPRISE_DATABASE_URL:
    "postgres://me:canary-password@db.example:5433/reprise?sslpassword=canary-option",
};

test("print shows every setting, what holds and where it comes from, and no secret", async () => {
  const env = { ...SECRETS, REPRISE_PORT: "9090", REPRISE_DRAIN_TIMEOUT: "1m" };
  const { exitCode, out } = await runCommand(["config", "print"], { env });
  expect(exitCode).toBe(0);
  expect(out).toMatch(/^REPRISE_PORT +environment +9090$/m);
  expect(out).toMatch(/^REPRISE_DRAIN_TIMEOUT +environment +1m$/m);
  expect(out).toMatch(/^REPRISE_HOST +default +127\.0\.0\.1$/m);
  expect(out).toMatch(/^REPRISE_BODY_BYTES_MAX +default +10485760$/m);
  expect(out).toMatch(/^REPRISE_TOKEN +environment +hidden$/m);
  expect(out).toMatch(
    /^REPRISE_DATABASE_URL +environment +postgres:\/\/me:hidden@db\.example:5433\/reprise$/m,
  );
  for (const secret of [
    ...Object.values(SECRETS),
    "canary-password",
    "canary-option",
    "A".repeat(20),
  ]) {
    expect(out).not.toContain(secret);
  }
});

test("print tells the file that holds a secret, and reads out of it what is wrong", async () => {
  const directory = mkdtempSync(join(tmpdir(), "reprise-config-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "token");
  writeFileSync(file, SECRETS.REPRISE_TOKEN);
  const env = { REPRISE_TOKEN_FILE: file, REPRISE_LOG_LEVEL: "warn" };
  const { exitCode, out } = await runCommand(["config", "print", "--given"], { env });
  expect([exitCode, out]).toEqual([
    0,
    `REPRISE_TOKEN      file         hidden, from ${file}\nREPRISE_LOG_LEVEL  environment  warn\n`,
  ]);
  writeFileSync(file, "canary with spaces");
  const faulty = await runCommand(["config", "check"], { env });
  expect([faulty.exitCode, faulty.out]).toEqual([2, ""]);
  expect(faulty.err).toContain("REPRISE_TOKEN");
  expect(faulty.err).not.toContain("canary");
});

test("check says yes, or every fault at once", async () => {
  const good = await runCommand(["config", "check"], { env: { REPRISE_EGRESS: "allow-private" } });
  expect([good.exitCode, good.out]).toEqual([0, "A start would take these settings.\n"]);
  expect(good.err).toMatch(/^note: REPRISE_EGRESS is allow-private/);
  const env = { REPRISE_PORT: "http", REPRISE_DATADIR: "x" };
  const bad = await runCommand(["config", "check"], { env });
  expect([bad.exitCode, bad.out]).toEqual([2, ""]);
  for (const name of ["REPRISE_PORT", "REPRISE_DATADIR"]) expect(bad.err).toContain(`- ${name} `);
});

test("print --json is a list for machines", async () => {
  const { out } = await runCommand(["config", "print", "--json", "--given"], {
    env: { REPRISE_PORT: "9090" },
  });
  expect(JSON.parse(out)).toEqual([{ name: "REPRISE_PORT", value: "9090", source: "environment" }]);
});
