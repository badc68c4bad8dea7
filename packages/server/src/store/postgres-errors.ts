import { RepriseError } from "@reprise/protocol";

/** What a failure of the database means for whoever asked. */
export type FailureKind =
  /** Another transaction was first: the same work may succeed at once. */
  | "race"
  /** The database, the network or its settings are in the way; the work itself may be right. */
  | "storage"
  /** The program has asked for something that can never be. */
  | "bug";

const RACE_CODES: ReadonlySet<string> = new Set([
  "40001", // serialization_failure
  "40P01", // deadlock_detected
  "55P03", // lock_not_available
]);

const UNIQUE_VIOLATION = "23505";

/** Classes of codes that are trouble of the machine, the network or its settings. */
const STORAGE_CLASSES: ReadonlySet<string> = new Set([
  "08", // connection
  "25", // transaction state: read-only, idle for too long
  "26", // a prepared statement that a pooler has taken away
  "28", // authorization
  "3D", // no such database
  "3F", // no such schema
  "53", // resources: disk, memory, connections
  "55", // not in the state for this
  "57", // intervention of an operator, timeouts
  "58", // system
  "72", // snapshot too old
  "F0", // configuration file
  "XX", // corruption, internal
]);

/** Single codes of other classes. */
const STORAGE_CODES: ReadonlySet<string> = new Set([
  "42501", // insufficient_privilege
  "0A000", // feature_not_supported: a cached plan of an older schema, among others
]);

/** What to try, by code or by class. */
const ADVICE: Readonly<Record<string, string>> = {
  "25006":
    "this database only reads: REPRISE_DATABASE_URL must lead to the primary, not to a replica",
  "25P03": "this server was stopped or too busy in the middle of a transaction; it tries again",
  "26000":
    "a pooler in transaction mode forgets prepared statements: add ?pgbouncer=true to the database URL",
  "28": "check user and password in REPRISE_DATABASE_URL, and pg_hba.conf",
  "3D": "create the database, or correct its name in REPRISE_DATABASE_URL",
  "42501":
    "the user of REPRISE_DATABASE_URL needs to create tables in its schema and to own those of Reprise",
  "53100": "the disk of the database is full: make space",
  "53200": "the database is out of memory",
  "53300":
    "the database has no connection left: raise max_connections, or use fewer nodes or a pooler",
  "57P03": "the database is starting or stopping; this server tries again",
  "57014": "a statement took too long and was stopped",
  ...Object.fromEntries(
    [
      "DEPTH_ZERO_SELF_SIGNED_CERT",
      "SELF_SIGNED_CERT_IN_CHAIN",
      "UNABLE_TO_GET_ISSUER_CERT",
      "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
      "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
      "CERT_SIGNATURE_FAILURE",
    ].map((code) => [
      code,
      "its certificate is not from an authority that is trusted here: name the file of the right one with " +
        "?sslmode=verify-full&sslrootcert=/path/to/ca.pem",
    ]),
  ),
  CERT_HAS_EXPIRED: "the certificate of the database has run out",
  ERR_TLS_CERT_ALTNAME_INVALID:
    "the certificate of the database is for another name: use a name in REPRISE_DATABASE_URL that it is for",
  ENOENT:
    "a file that REPRISE_DATABASE_URL names is not there: check sslrootcert, sslcert and sslkey",
  ECONNREFUSED: "nobody listens there: check host and port in REPRISE_DATABASE_URL",
  ENOTFOUND: "the host in REPRISE_DATABASE_URL is not known: check its name",
  EAI_AGAIN: "the host in REPRISE_DATABASE_URL cannot be looked up now",
  ETIMEDOUT: "the host does not answer: check host, port and firewalls",
  EHOSTUNREACH: "the host cannot be reached: check host and network",
};

/** The five characters of PostgreSQL, or the name that Node gives to a failure of the network; null for any other error. */
export function codeOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  // Several addresses were tried, and each failed.
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  return "code" in error && typeof error.code === "string" ? error.code : null;
}

function isOfDatabase(error: unknown): boolean {
  return error instanceof Error && "severity" in error;
}

export function isUniqueViolation(error: unknown): boolean {
  return codeOf(originOf(error)) === UNIQUE_VIOLATION;
}

export function isDeadlock(error: unknown): boolean {
  return codeOf(originOf(error)) === "40P01";
}

/** A key was given twice, which no other transaction can have done. */
function isKeyGivenTwice(error: unknown): boolean {
  const isNamed = error instanceof Error && "constraint" in error;
  return isNamed && typeof error.constraint === "string" && error.constraint.endsWith("_pkey");
}

/** A failure that names what was written keeps the one of the database as its cause. */
function originOf(error: unknown): unknown {
  return error instanceof WriteFailure ? error.cause : error;
}

export function kindOf(failure: unknown): FailureKind {
  const error = originOf(failure);
  const code = codeOf(error);
  if (!isOfDatabase(error)) return isOfNetwork(error, code) ? "storage" : "bug";
  if (code === null) return "storage";
  if (RACE_CODES.has(code)) return "race";
  if (code === UNIQUE_VIOLATION) return isKeyGivenTwice(error) ? "bug" : "race";
  return STORAGE_CODES.has(code) || STORAGE_CLASSES.has(code.slice(0, 2)) ? "storage" : "bug";
}

/** What the driver says when a connection ends under a query, or an answer does not come. */
const DRIVER_FAILURES =
  /^(Connection terminated|Client has encountered a connection error|Client was closed|Query read timeout|timeout expired|The server does not support SSL|There was an error establishing|SASL|SCRAM)/;

function isOfNetwork(error: unknown, code: string | null): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof AggregateError || DRIVER_FAILURES.test(error.message)) return true;
  return code !== null && /^(E[A-Z_]+|CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_|HOSTNAME_)/.test(code);
}

/**
 * True when it is not known whether a commit that was sent was made: nobody answered, or the session was ended with it. An ordinary
 * error of the database says that it was not.
 */
export function isCommitUnknown(error: unknown): boolean {
  const severity = error instanceof Error && "severity" in error ? error.severity : null;
  return severity !== "ERROR";
}

/** A write that the database refused; its cause says why. */
export class WriteFailure extends Error {}

/** Prepared statements that a pooler has given to somebody else's session. */
const STATEMENT_MISSING = "26000";

/** True when the session can be of no more use: its connection is lost, or the database has ended it. */
export function isSessionOver(failure: unknown): boolean {
  const error = originOf(failure);
  if (kindOf(error) === "bug") return false;
  const severity = error instanceof Error && "severity" in error ? error.severity : "FATAL";
  return severity !== "ERROR" || codeOf(error) === STATEMENT_MISSING;
}

/** Wraps trouble of the database as the refusal `storage_unavailable`; leaves every other error as it is. */
export function toStoreError(error: unknown, action: string): unknown {
  // A name that stays taken, whatever is tried, is the program's own fault.
  return kindOf(error) === "bug" || isUniqueViolation(error) ? error : toRefusal(error, action);
}

export function toRefusal(error: unknown, action: string): RepriseError {
  return new RepriseError("storage_unavailable", {
    message: `the database could not ${action}: ${describe(error)}`,
    cause: error,
  });
}

/** PostgreSQL's own words and its code, and what to try. */
export function describe(error: unknown): string {
  const code = codeOf(error);
  const message = messageOf(error);
  const text = code === null || message.includes(code) ? message : `${message} (${code})`;
  const advice = code === null ? undefined : (ADVICE[code] ?? ADVICE[code.slice(0, 2)]);
  return advice === undefined ? text : `${text}; ${advice}`;
}

function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return messageOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}
