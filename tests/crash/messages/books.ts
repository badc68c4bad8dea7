import { DatabaseSync } from "node:sqlite";
import { messageId } from "@reprise/protocol";
import { hashOf } from "./plan.ts";

/** The database after everything, read without the server. */
export interface Books {
  readonly integrity: string;
  readonly envelopes: ReadonlyMap<string, EnvelopeRecord>;
  /** By message id, in their order. */
  readonly logs: ReadonlyMap<string, readonly LogRecord[]>;
  /** Open messages. */
  readonly messages: ReadonlyMap<string, MessageRecord>;
  readonly deadMessages: readonly DeadRecord[];
  readonly flows: readonly FlowRecord[];
  readonly queues: readonly { readonly name: string; readonly isPaused: 0 | 1 }[];
}

export interface EnvelopeRecord {
  readonly key: number;
  readonly id: string;
  readonly url: string;
  readonly bodyHash: string;
  readonly mark: string | null;
  readonly queueName: string | null;
  readonly flowKey: string | null;
  readonly scheduleId: string | null;
  readonly notBefore: number;
  readonly hasCallback: boolean;
  /** The message that this one reports about. */
  readonly sourceId: string | null;
}

export interface LogRecord {
  readonly moment: string;
  readonly retried: number;
  /** Of the attempt that ended; null when none did. */
  readonly startedAt: number | null;
  readonly status: number | null;
}

export interface MessageRecord {
  readonly id: string;
  readonly kind: string;
  readonly state: string;
  readonly gate: string | null;
}

export interface DeadRecord {
  readonly dlqId: string;
  readonly state: "open" | "retried" | "deleted";
  readonly id: string;
  readonly nextId: string | null;
}

export interface FlowRecord {
  readonly name: string;
  readonly isPaused: 0 | 1;
  readonly periodMs: number;
  readonly periodStartAt: number;
}

export function readBooks(path: string): Books {
  const database = new DatabaseSync(path, { readOnly: true });
  const all = <T>(sql: string) => database.prepare(sql).all() as unknown as readonly T[]; // Each caller names its columns.
  try {
    const envelopes = all<RawEnvelope>("SELECT key, url, config, body FROM envelopes ORDER BY key");
    const messages = all<Omit<MessageRecord, "id"> & Keyed>(
      "SELECT key, kind, state, gate FROM messages",
    );
    const dead = all<RawDead>(
      "SELECT key, state, messageKey, createdAt, nextMessageKey FROM deadMessages ORDER BY key",
    );
    return {
      integrity: all<{ readonly integrity_check: string }>("PRAGMA integrity_check")
        .map((row) => row.integrity_check)
        .join("; "),
      envelopes: new Map(envelopes.map((row) => [messageId(row.key), toEnvelope(row)])),
      logs: groupLogs(
        all(
          "SELECT messageKey AS key, moment, retried, startedAt, status FROM logs ORDER BY logs.key",
        ),
      ),
      messages: new Map(
        messages.map(({ key, ...row }) => [messageId(key), { ...row, id: messageId(key) }]),
      ),
      deadMessages: dead.map(toDead),
      flows: all("SELECT name, isPaused, periodMs, periodStartAt FROM flowControls"),
      queues: all("SELECT name, isPaused FROM queues"),
    };
  } finally {
    database.close();
  }
}

interface Keyed {
  readonly key: number;
}

interface RawEnvelope extends Keyed {
  readonly url: string;
  readonly config: string;
  readonly body: Uint8Array;
}

function toEnvelope({ key, url, config, body }: RawEnvelope): EnvelopeRecord {
  // Written by the server as JSON; the forwarded header is what the client put there.
  const parsed = JSON.parse(config) as {
    readonly headers?: Readonly<Record<string, string>>;
    readonly queueName?: string;
    readonly flowControl?: { readonly key: string };
    readonly scheduleId?: string;
    readonly notBefore: number;
    readonly callback?: object;
    readonly callbackOf?: number;
  };
  return {
    key,
    id: messageId(key),
    url,
    bodyHash: hashOf(body),
    mark: parsed.headers?.["x-mark"] ?? null,
    queueName: parsed.queueName ?? null,
    flowKey: parsed.flowControl?.key ?? null,
    scheduleId: parsed.scheduleId ?? null,
    notBefore: parsed.notBefore,
    hasCallback: parsed.callback !== undefined,
    sourceId: parsed.callbackOf === undefined ? null : messageId(parsed.callbackOf),
  };
}

function groupLogs(
  rows: readonly (LogRecord & Keyed)[],
): ReadonlyMap<string, readonly LogRecord[]> {
  const logs = new Map<string, LogRecord[]>();
  for (const { key, ...row } of rows) {
    const id = messageId(key);
    const known = logs.get(id);
    if (known === undefined) logs.set(id, [row]);
    else known.push(row);
  }
  return logs;
}

interface RawDead extends Keyed {
  readonly state: DeadRecord["state"];
  readonly messageKey: number;
  readonly createdAt: number;
  readonly nextMessageKey: number | null;
}

function toDead({ key, state, messageKey, createdAt, nextMessageKey }: RawDead): DeadRecord {
  return {
    // The form of the wire: when it failed, and its key.
    dlqId: `${createdAt}-${key}`,
    state,
    id: messageId(messageKey),
    nextId: nextMessageKey === null ? null : messageId(nextMessageKey),
  };
}
