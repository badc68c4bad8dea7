import { RepriseError } from "@reprise/protocol";

/** The URL as messages and logs may show it. */
export function withoutSecrets(databaseUrl: string): string {
  if (!URL.canParse(databaseUrl)) return "the database (its URL cannot be read)";
  const { host, pathname } = new URL(databaseUrl);
  return `postgres://${host}${pathname}`;
}

/**
 * Whether the URL says that a pooler in transaction mode stands in between (`?pgbouncer=true`).
 * @throws RepriseError `storage_unavailable` when it is no URL of PostgreSQL.
 */
export function isPooledUrl(databaseUrl: string): boolean {
  if (!/^postgres(ql)?:\/\//.test(databaseUrl) || !URL.canParse(databaseUrl)) {
    throw new RepriseError("storage_unavailable", {
      message:
        "REPRISE_DATABASE_URL must be a URL like postgres://user:password@host:5432/database; " +
        "special characters in a password are percent-encoded",
    });
  }
  return new URL(databaseUrl).searchParams.get("pgbouncer") === "true";
}

/** Modes of TLS that check less where other programs use them. Here whoever asks for TLS gets all of it. */
const WEAK_MODES: ReadonlySet<string> = new Set(["prefer", "require", "verify-ca"]);

/**
 * The URL as the driver reads it: `sslmode` is `verify-full` unless it is `disable` or `no-verify`, and the certificates of the system
 * are those that count without another `sslrootcert`.
 */
export function driverUrl(databaseUrl: string): string {
  if (!URL.canParse(databaseUrl)) return databaseUrl;
  const url = new URL(databaseUrl);
  const { searchParams: params } = url;
  const isWeak = WEAK_MODES.has(params.get("sslmode") ?? "");
  if (!isWeak && params.get("sslrootcert") !== "system") return databaseUrl;
  if (isWeak && params.get("uselibpqcompat") !== "true") params.set("sslmode", "verify-full");
  if (params.get("sslrootcert") === "system") params.delete("sslrootcert");
  return url.href;
}
