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
