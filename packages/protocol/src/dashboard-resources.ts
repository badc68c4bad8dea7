/** Shapes of the answers that people's tools ask for: sessions, changes, overview, audit and settings. */

export type SessionScope = "full" | "read-only";

/** Who is logged in with a cookie. */
export interface Session {
  readonly scope: SessionScope;
  /** Name of the token; null for a person at a development server, who needs none. */
  readonly tokenName: string | null;
  readonly isDevelopment: boolean;
  readonly version: string;
  /** Epoch milliseconds; asking for the session moves it on. */
  readonly expiresAt: number;
  /** The server's clock, epoch milliseconds. */
  readonly now: number;
}

export const CHANGE_TOPICS = [
  "runs",
  "deadLetters",
  "messages",
  "deadMessages",
  "queues",
  "schedules",
  "urlGroups",
  "flowControls",
  "waits",
  "logs",
  "bulkActions",
  "audit",
] as const;
/** What may have changed. */
export type ChangeTopic = (typeof CHANGE_TOPICS)[number];

/** Data of the server-sent event `change`. */
export interface ChangeEvent {
  readonly topics: readonly ChangeTopic[];
}

/** A person's action. */
export interface AuditEntry {
  readonly auditId: string;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly tokenName: string | null;
  readonly scope: string;
  readonly isDashboard: boolean;
  readonly callerIP: string;
  /** Method and path with names in place of ids: `POST /v2/workflows/dlq/resume/:dlqId`. */
  readonly action: string;
  /** Ids and names of the path, or of the body: the first ten of many, and how many more. */
  readonly target: string | null;
  /** Without tokens, and with the filters of a body that chooses among many. */
  readonly query: string | null;
  /** Null while it is under way, or when the server ended in the middle. */
  readonly status: number | null;
  /** Code of the refusal. */
  readonly error: string | null;
  /** How many it concerned, where it says so. */
  readonly count: number | null;
  /** The bulk action that goes on behind the answer; null when there is none. */
  readonly actionId: string | null;
}

export interface AuditPage {
  readonly entries: readonly AuditEntry[];
  readonly cursor?: string;
}

export interface SettingResource {
  readonly name: string;
  /** Secrets are masked. */
  readonly value: string;
  readonly source: "default" | "environment" | "file";
}

export interface SettingsAnswer {
  readonly settings: readonly SettingResource[];
}

/** One of the equal parts of the window of an overview. */
export interface OverviewBucket {
  /** Its begin, epoch milliseconds. */
  readonly at: number;
  readonly delivered: number;
  readonly failed: number;
  readonly succeededRuns: number;
  readonly failedRuns: number;
}

export interface OverviewGate {
  readonly name: string;
  readonly waiting: number;
  readonly inFlight: number;
  readonly parallelism: number | null;
  readonly isPaused: boolean;
}

/** What a person should look at first. */
export interface AttentionItem {
  readonly type:
    | "dead_letters"
    | "dead_messages"
    | "stuck_runs"
    | "late_messages"
    | "paused"
    | "gate_full"
    | "failure_function_failed"
    | "expiring_dead_letters";
  readonly count: number;
  /** The name of the queue or the flow-control key that it is about; null when it is about the whole server. */
  readonly subject: string | null;
  /** What kind of line the subject names; null without one. */
  readonly gate: "queue" | "flow_control" | null;
  readonly title: string;
}

export interface Overview {
  /** Epoch milliseconds. */
  readonly now: number;
  readonly windowMs: number;
  /** Runs that began or ended in the window. */
  readonly runs: {
    readonly started: number;
    readonly succeeded: number;
    readonly failed: number;
    readonly canceled: number;
  };
  readonly buckets: readonly OverviewBucket[];
  readonly attempts: { readonly count: number; readonly failed: number };
  /** Of the attempts in the window; null when there was none. */
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number } | null;
  readonly oldestDueAgeMs: number | null;
  readonly open: {
    readonly runs: number;
    readonly messages: number;
    readonly deadLetters: number;
    readonly deadMessages: number;
  };
  readonly stuckRuns: number;
  readonly flowControls: readonly OverviewGate[];
  readonly queues: readonly OverviewGate[];
  readonly schedules: { readonly count: number; readonly paused: number };
  readonly attention: readonly AttentionItem[];
}
