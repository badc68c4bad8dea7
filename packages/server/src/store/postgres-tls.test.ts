import { chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Certificate, makeCertificate } from "../host/certificates.suite.ts";
import { type EmbeddedPostgres, startPostgres } from "./embedded-postgres.suite.ts";
import { postgresBinaries } from "./embedded-postgres-process.suite.ts";
import { openPostgresStore } from "./postgres.ts";

/** TLS to a real PostgreSQL whose certificate an authority of this test has signed. */

const AUTHORITY = "the authority of the database";
/** The name that the certificate is for. */
const HOST = "localhost";

let server: EmbeddedPostgres;
let plain: EmbeddedPostgres;
let url: string;
let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "reprise-tls-"));
  const authority = makeCertificate({ name: AUTHORITY, isAuthority: true });
  const issuer = { name: AUTHORITY, key: authority.key };
  const files = put("server", makeCertificate({ name: HOST, issuer }));
  put("authority", authority);
  put("stranger", makeCertificate({ name: AUTHORITY, isAuthority: true }));
  const settings = { ssl: "on", ssl_cert_file: files.cert, ssl_key_file: files.key };
  server = await startPostgres({ fsync: false, settings });
  plain = await startPostgres({ fsync: false });
  const named = new URL(await server.createDatabase());
  named.hostname = HOST;
  url = named.href;
}, 120_000);

afterAll(async () => {
  await server?.remove();
  await plain?.remove();
  rmSync(directory, { recursive: true, force: true });
});

/** Files that the user of the database may read, and nobody else. */
function put(name: string, { cert, key }: Certificate) {
  const { user } = postgresBinaries();
  const paths = { cert: join(directory, `${name}.pem`), key: join(directory, `${name}.key`) };
  writeFileSync(paths.cert, cert);
  writeFileSync(paths.key, key, { mode: 0o600 });
  for (const path of [directory, paths.cert, paths.key])
    if (user !== null) chownSync(path, user.uid, user.gid);
  return paths;
}

const authority = (name = "authority") => encodeURIComponent(join(directory, `${name}.pem`));

/** Which connections of stores to the database are encrypted. */
function connections(at: string): Promise<readonly Record<string, unknown>[]> {
  const name = new URL(at).pathname.slice(1);
  return server.query(
    `SELECT DISTINCT s.ssl FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)
     WHERE a.datname = '${name}' AND a.application_name LIKE 'reprise %'`,
  );
}

/** Whether the store's connections are encrypted, or why there are none. */
async function openedWith(query: string, at = url): Promise<string> {
  // A store that has been closed waits for the database only for a moment.
  while ((await connections(at)).length > 0);
  try {
    const store = await openPostgresStore({ url: `${at}?${query}` });
    const rows = await connections(at);
    await store.close();
    return rows.map(({ ssl }) => (ssl === true ? "encrypted" : "plain")).join();
  } catch (error) {
    expect(error).toMatchObject({ code: "storage_unavailable" });
    const { message } = error as Error; // Just proven to be one of ours.
    expect(message).not.toContain(new URL(at).password);
    return message;
  }
}

test.each(["verify-full", "require", "verify-ca", "prefer"])(
  "sslmode=%s encrypts, and knows the server by the authority that the URL names",
  async (mode) => {
    expect(await openedWith(`sslmode=${mode}&sslrootcert=${authority()}`)).toBe("encrypted");
  },
);

test.each(["verify-full", "require"])(
  "sslmode=%s refuses a server whose authority is not the one that the URL names",
  async (mode) => {
    const message = await openedWith(`sslmode=${mode}&sslrootcert=${authority("stranger")}`);
    expect(message).toMatch(/not from an authority that is trusted here.*sslrootcert=/);
  },
);

test.each(["sslmode=verify-full", "sslmode=require", "sslmode=require&sslrootcert=system"])(
  "%s refuses a server whose authority the system does not know",
  async (query) => {
    expect(await openedWith(query)).toMatch(/not from an authority that is trusted here/);
  },
);

test("a certificate for another name is refused", async () => {
  const other = new URL(url);
  other.hostname = "127.0.0.1";
  const message = await openedWith(`sslmode=verify-full&sslrootcert=${authority()}`, other.href);
  expect(message).toMatch(/the certificate of the database is for another name/);
});

test("sslmode=no-verify encrypts and believes whoever is there; sslmode=disable and none do not encrypt", async () => {
  expect(await openedWith("sslmode=no-verify")).toBe("encrypted");
  expect(await openedWith("sslmode=disable")).toBe("plain");
  expect(await openedWith("")).toBe("plain");
});

test("an authority whose file is not there is named", async () => {
  const message = await openedWith(`sslmode=verify-full&sslrootcert=${authority("nowhere")}`);
  expect(message).toMatch(/nowhere\.pem.*ENOENT|ENOENT.*nowhere\.pem/);
  expect(message).toMatch(/check sslrootcert/);
});

test("a database without TLS is refused where TLS is asked for", async () => {
  const at = await plain.createDatabase();
  expect(await openedWith("sslmode=verify-full", at)).toMatch(/does not support SSL/);
});

test("no warning of the driver reaches the log", async () => {
  const warnings: string[] = [];
  const note = (warning: Error) => warnings.push(warning.message);
  process.on("warning", note);
  await openedWith(`sslmode=require&sslrootcert=${authority()}`);
  process.off("warning", note);
  expect(warnings).toEqual([]);
});
