import {
  BODY_BYTES_MAX,
  DAY_MS,
  DEV_IDENTITY,
  DEV_TEST_IDENTITIES,
  isRepriseError,
  STORED_RESPONSE_BYTES_MAX,
} from "@reprise/protocol";
import { describe, expect, test } from "vitest";
import { devServerConfig, type Environment, parseServerConfig } from "./config.ts";

/** What an operator reads: one fault a line. */
function faultsOf(env: Environment): readonly string[] {
  try {
    parseServerConfig(env);
  } catch (error) {
    if (!isRepriseError(error)) throw error;
    expect(error.code).toBe("invalid_request");
    const [head, ...lines] = error.message.split("\n");
    const count = `${lines.length} fault${lines.length === 1 ? "" : "s"}`;
    expect(head).toBe(`the configuration has ${count}:`);
    return lines.map((line) => line.replace(/^ {2}- /, ""));
  }
  return [];
}

const tokenOf = (UserID: string) =>
  btoa(JSON.stringify({ UserID, Password: "a long enough secret" }));
const token = tokenOf("me");
const keys = {
  REPRISE_CURRENT_SIGNING_KEY: "sig_0123456789012345678901",
  REPRISE_NEXT_SIGNING_KEY: "sig_abcdefghijklmnopqrstuv",
};

describe("production", () => {
  test("needs no setting at all", () => {
    expect(parseServerConfig({ PATH: "/bin", HOME: "" })).toEqual({
      mode: "production",
      host: "127.0.0.1",
      port: 8080,
      dataDir: ".reprise/data",
      token: null,
      readOnlyToken: null,
      publishToken: null,
      signingKeys: null,
      keyRotationGuardMs: 86_400_000,
      logLevel: "info",
      trustedProxies: [],
      publicUrl: null,
      region: null,
      encryption: null,
      tracing: null,
      egress: { mode: "public-only", allow: [] },
      bodyBytesMax: BODY_BYTES_MAX,
      batchBytesMax: 100 * 1024 * 1024,
      batchItemsMax: 1_000,
      urlBytesMax: 8_192,
      headerBytesMax: 65_536,
      connectionsMax: 10_000,
      authFailuresMax: 20,
      logPageMax: 1_000,
      watchdogIntervalMs: 30_000,
      nudgesMax: 0,
      retriesMax: 100,
      delayMsMax: 365 * DAY_MS,
      attemptTimeoutMs: 900_000,
      attemptTimeoutMsMax: 43_200_000,
      labelsMax: 16,
      labelCharsMax: 64,
      flowControlPeriodMsMax: 7 * DAY_MS,
      dedupWindowMs: 600_000,
      responseBytesMax: STORED_RESPONSE_BYTES_MAX,
      queuesMax: 10_000,
      queueParallelismMax: 10_000,
      schedulesMax: 1_000,
      urlGroupsMax: 10_000,
      urlGroupEndpointsMax: 100,
      parallelismMax: 2_000,
      perOriginMax: 50,
      connectedParallelismMax: 1_000,
      connectedSilenceMs: 30_000,
      databaseUrl: null,
      nodeLeaseMs: 15_000,
      pollMs: 1_000,
      diskPercentMax: 95,
      logRetentionMs: 14 * DAY_MS,
      runRetentionMs: 14 * DAY_MS,
      deadLetterRetentionMs: 90 * DAY_MS,
      storageBytesMax: 0,
      closedRetentionMs: 7 * DAY_MS,
      preStopMs: 5_000,
      drainMs: 30_000,
    });
  });

  test("reads every setting", () => {
    const env = {
      REPRISE_HOST: "0.0.0.0",
      REPRISE_PORT: "0",
      REPRISE_DATA_DIR: "data",
      REPRISE_TOKEN: token,
      REPRISE_READ_ONLY_TOKEN: tokenOf("reader"),
      REPRISE_PUBLISH_TOKEN: tokenOf("app"),
      ...keys,
      REPRISE_KEY_ROTATION_GUARD: "7d",
      REPRISE_LOG_LEVEL: "debug",
      REPRISE_TRUSTED_PROXIES: "192.0.2.1, 192.0.2.2,",
      REPRISE_PUBLIC_URL: "https://reprise.test/",
      REPRISE_REGION: "US-EAST-1",
      REPRISE_EGRESS: "allow-list",
      REPRISE_EGRESS_ALLOW: "app.internal:3000, .svc.local",
      REPRISE_BODY_BYTES_MAX: "1024",
      REPRISE_BATCH_BYTES_MAX: "2048",
      REPRISE_BATCH_ITEMS_MAX: "2",
      REPRISE_URL_BYTES_MAX: "64",
      REPRISE_HEADER_BYTES_MAX: "4096",
      REPRISE_CONNECTIONS_MAX: "7",
      REPRISE_AUTH_FAILURES_MAX: "100",
      REPRISE_LOG_PAGE_MAX: "9",
      REPRISE_WATCHDOG_INTERVAL: "5s",
      REPRISE_NUDGES_MAX: "2",
      REPRISE_RETRIES_MAX: "0",
      REPRISE_DELAY_MAX: "1d",
      REPRISE_ATTEMPT_TIMEOUT: "1m30s",
      REPRISE_ATTEMPT_TIMEOUT_MAX: "2m",
      REPRISE_LABELS_MAX: "1",
      REPRISE_LABEL_CHARS_MAX: "8",
      REPRISE_FLOW_CONTROL_PERIOD_MAX: "1h",
      REPRISE_DEDUP_WINDOW: "90d",
      REPRISE_RESPONSE_BYTES_MAX: "2048",
      REPRISE_QUEUES_MAX: "0",
      REPRISE_QUEUE_PARALLELISM_MAX: "4",
      REPRISE_SCHEDULES_MAX: "10",
      REPRISE_URL_GROUPS_MAX: "5",
      REPRISE_URL_GROUP_ENDPOINTS_MAX: "6",
      REPRISE_PARALLELISM_MAX: "3",
      REPRISE_PER_ORIGIN_MAX: "1",
      REPRISE_CONNECTED_PARALLELISM_MAX: "9",
      REPRISE_CONNECTED_SILENCE: "1m",
      REPRISE_DATABASE_URL: "postgres://reprise:secret@db.internal/reprise",
      REPRISE_NODE_LEASE: "20s",
      REPRISE_POLL_INTERVAL: "0.5s",
      REPRISE_DISK_PERCENT_MAX: "80",
      REPRISE_LOG_RETENTION: "1d",
      REPRISE_RUN_RETENTION: "2d",
      REPRISE_DEAD_LETTER_RETENTION: "3d",
      REPRISE_STORAGE_BYTES_MAX: "1000000000",
      REPRISE_CLOSED_RETENTION: "12h",
      REPRISE_ENCRYPTION_KEYS: `new:${"A".repeat(43)}=,old:${"B".repeat(42)}A=`,
      REPRISE_TRACING: "true",
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318/",
      OTEL_SERVICE_NAME: "queue",
      OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
      OTEL_TRACES_SAMPLER_ARG: "0.25",
      REPRISE_ENCRYPT_PAYLOADS: "true",
      REPRISE_PRE_STOP: "0",
      REPRISE_DRAIN_TIMEOUT: "5",
    };
    expect(parseServerConfig(env)).toEqual({
      mode: "production",
      tracing: { url: "http://collector:4318/v1/traces", serviceName: "queue", ratio: 0.25 },
      encryption: {
        keys: [
          { name: "new", bytes: Buffer.alloc(32) },
          { name: "old", bytes: Buffer.from(`${"B".repeat(42)}A=`, "base64") },
        ],
        hasPayloads: true,
      },
      host: "0.0.0.0",
      port: 0,
      dataDir: "data",
      token,
      readOnlyToken: tokenOf("reader"),
      publishToken: tokenOf("app"),
      signingKeys: {
        current: keys.REPRISE_CURRENT_SIGNING_KEY,
        next: keys.REPRISE_NEXT_SIGNING_KEY,
      },
      keyRotationGuardMs: 604_800_000,
      logLevel: "debug",
      trustedProxies: ["192.0.2.1", "192.0.2.2"],
      publicUrl: "https://reprise.test",
      region: "US-EAST-1",
      egress: {
        mode: "allow-list",
        allow: [
          { type: "host", name: "app.internal", port: 3000 },
          { type: "suffix", suffix: ".svc.local", port: null },
        ],
      },
      bodyBytesMax: 1024,
      batchBytesMax: 2048,
      batchItemsMax: 2,
      urlBytesMax: 64,
      headerBytesMax: 4096,
      connectionsMax: 7,
      authFailuresMax: 100,
      logPageMax: 9,
      watchdogIntervalMs: 5_000,
      nudgesMax: 2,
      retriesMax: 0,
      delayMsMax: DAY_MS,
      attemptTimeoutMs: 90_000,
      attemptTimeoutMsMax: 120_000,
      labelsMax: 1,
      labelCharsMax: 8,
      flowControlPeriodMsMax: 3_600_000,
      dedupWindowMs: 90 * DAY_MS,
      responseBytesMax: 2048,
      queuesMax: 0,
      queueParallelismMax: 4,
      schedulesMax: 10,
      urlGroupsMax: 5,
      urlGroupEndpointsMax: 6,
      parallelismMax: 3,
      perOriginMax: 1,
      connectedParallelismMax: 9,
      connectedSilenceMs: 60_000,
      databaseUrl: "postgres://reprise:secret@db.internal/reprise",
      nodeLeaseMs: 20_000,
      pollMs: 500,
      diskPercentMax: 80,
      logRetentionMs: DAY_MS,
      runRetentionMs: 2 * DAY_MS,
      deadLetterRetentionMs: 3 * DAY_MS,
      storageBytesMax: 1_000_000_000,
      closedRetentionMs: 43_200_000,
      preStopMs: 0,
      drainMs: 5_000,
    });
  });

  test("takes a blank setting for none", () => {
    expect(parseServerConfig({ REPRISE_PORT: "  ", REPRISE_TOKEN: "" })).toMatchObject({
      port: 8080,
      token: null,
    });
  });

  test("the usual attempt may not be longer than the longest", () => {
    expect(faultsOf({ REPRISE_ATTEMPT_TIMEOUT: "13h" })).toEqual([
      "REPRISE_ATTEMPT_TIMEOUT must not be longer than REPRISE_ATTEMPT_TIMEOUT_MAX",
    ]);
    const longer = { REPRISE_ATTEMPT_TIMEOUT: "13h", REPRISE_ATTEMPT_TIMEOUT_MAX: "13h" };
    expect(parseServerConfig(longer)).toMatchObject({ attemptTimeoutMs: 46_800_000 });
  });

  test("names all faults at once", () => {
    const faults = faultsOf({
      REPRISE_PORT: "65536",
      REPRISE_LOG_LEVEL: "loud",
      REPRISE_ATTEMPT_TIMEOUT: "0s",
      REPRISE_DRAIN_TIMEOUT: "soon",
      REPRISE_PROT: "80",
      REPRISE_TOKEN: "short",
      REPRISE_NEXT_SIGNING_KEY: keys.REPRISE_NEXT_SIGNING_KEY,
    });
    expect(faults).toHaveLength(7);
    expect(faults).toEqual(
      expect.arrayContaining([
        "REPRISE_TOKEN must have at least 24 characters",
        "REPRISE_CURRENT_SIGNING_KEY and REPRISE_NEXT_SIGNING_KEY must be given together",
        "REPRISE_PORT must be a whole number from 0 to 65535, got 65536",
        "REPRISE_LOG_LEVEL must be one of debug, info, warn, error, got loud",
        "REPRISE_ATTEMPT_TIMEOUT must be longer than 0 and at most 86400 seconds, got 0s",
        expect.stringContaining("REPRISE_DRAIN_TIMEOUT"),
        expect.stringMatching(/^REPRISE_PROT is not a setting; known are .*REPRISE_PORT/),
      ]),
    );
  });

  test.each(["-1", "80.5", "1e3", "0x50", " 80 80", "eighty"])("refuses the port %j", (port) => {
    expect(faultsOf({ REPRISE_PORT: port })).toHaveLength(1);
  });

  test("names what is wrong with the egress policy", () => {
    expect(faultsOf({ REPRISE_EGRESS: "open", REPRISE_EGRESS_ALLOW: "10.0.0.1/8,a b,.c" })).toEqual(
      [
        "REPRISE_EGRESS must be one of public-only, allow-list, allow-private, got open",
        "REPRISE_EGRESS_ALLOW: 10.0.0.1 has bits set beyond its prefix of 8",
        "REPRISE_EGRESS_ALLOW: a b is not a host name, an address or a network",
      ],
    );
    expect(faultsOf({ REPRISE_EGRESS: "allow-list", REPRISE_EGRESS_ALLOW: "," })).toEqual([
      "REPRISE_EGRESS_ALLOW must name a destination when REPRISE_EGRESS is allow-list",
    ]);
  });

  test("names what is wrong with the encryption, and no key", () => {
    expect(faultsOf({ REPRISE_ENCRYPT_PAYLOADS: "true" })).toEqual([
      "REPRISE_ENCRYPT_PAYLOADS needs a key in REPRISE_ENCRYPTION_KEYS",
    ]);
    const faults = faultsOf({ REPRISE_ENCRYPTION_KEYS: "a:s3cret" });
    expect(faults).toEqual([expect.stringMatching(/key 1, a, must be the base64 of 32 bytes/)]);
    expect(faults.join()).not.toContain("s3cret");
  });

  test("leaves variables of others alone", () => {
    expect(faultsOf({ REPRIZE_PORT: "x", reprise_port: "x", QSTASH_TOKEN: "x" })).toEqual([]);
  });
});

describe("published secrets", () => {
  const identities = [DEV_IDENTITY, ...DEV_TEST_IDENTITIES];

  test.each(identities)("of $userId are refused in production", (identity) => {
    expect(faultsOf({ REPRISE_TOKEN: identity.token })).toEqual([
      "REPRISE_TOKEN must not be a published development token",
    ]);
    const { currentSigningKey, nextSigningKey } = identity;
    expect(
      faultsOf({
        REPRISE_CURRENT_SIGNING_KEY: currentSigningKey,
        REPRISE_NEXT_SIGNING_KEY: nextSigningKey,
      }),
    ).toEqual([
      "REPRISE_CURRENT_SIGNING_KEY must not be a published development key",
      "REPRISE_NEXT_SIGNING_KEY must not be a published development key",
    ]);
  });

  test("are not shown in the message", () => {
    const faults = faultsOf({ REPRISE_TOKEN: "s3cret" });
    expect(faults.join()).not.toContain("s3cret");
  });
});

describe("secrets", () => {
  test.each([
    "not base64 of anything useful",
    btoa("just a long text, long enough"),
    btoa(JSON.stringify(["UserID", "me", "x".repeat(20)])),
    btoa(JSON.stringify({ UserID: "", Password: "a long enough secret" })),
    btoa(JSON.stringify({ userId: "me", Password: "a long enough secret" })),
  ])("the token %j is refused, because SDKs read it", (text) => {
    expect(faultsOf({ REPRISE_TOKEN: text })).toEqual([
      expect.stringContaining("REPRISE_TOKEN must be base64 of a JSON object"),
    ]);
  });

  test.each(["REPRISE_READ_ONLY_TOKEN", "REPRISE_PUBLISH_TOKEN"])(
    "%s is checked like the other one, and must not be it",
    (name) => {
      expect(faultsOf({ [name]: "short" })).toEqual([`${name} must have at least 24 characters`]);
      expect(faultsOf({ [name]: DEV_IDENTITY.token })).toEqual([
        `${name} must not be a published development token`,
      ]);
      expect(faultsOf({ [name]: token, REPRISE_TOKEN: token })).toEqual([
        "REPRISE_TOKEN, REPRISE_READ_ONLY_TOKEN, REPRISE_PUBLISH_TOKEN must differ",
      ]);
    },
  );

  test("the two signing keys must differ and be long enough", () => {
    const current = keys.REPRISE_CURRENT_SIGNING_KEY;
    expect(
      faultsOf({ REPRISE_CURRENT_SIGNING_KEY: current, REPRISE_NEXT_SIGNING_KEY: current }),
    ).toEqual(["REPRISE_NEXT_SIGNING_KEY must differ from the current key"]);
    expect(faultsOf({ ...keys, REPRISE_NEXT_SIGNING_KEY: "sig_short" })).toEqual([
      "REPRISE_NEXT_SIGNING_KEY must have at least 24 characters",
    ]);
  });
});

describe("development", () => {
  test("has the published identity, so that apps in development mode just work", () => {
    expect(devServerConfig({})).toMatchObject({
      mode: "development",
      host: "127.0.0.1",
      port: 8080,
      egress: { mode: "allow-private", allow: [] },
      token: DEV_IDENTITY.token,
      signingKeys: { current: DEV_IDENTITY.currentSigningKey, next: DEV_IDENTITY.nextSigningKey },
    });
  });

  test.each(["localhost", "127.0.0.1", "127.0.1.1", "::1"])("listens on %s", (host) => {
    expect(devServerConfig({ host, port: 0 })).toMatchObject({ host, port: 0 });
  });

  test.each(["0.0.0.0", "::", "192.0.2.1", "example.test", "127.0.0.1.example.test", ""])(
    "refuses to listen on %j, where others could use the published token",
    (host) => {
      expect(() => devServerConfig({ host })).toThrow(/listens on loopback only/);
    },
  );
});
