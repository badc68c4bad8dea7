/** Shapes of the answers that people's tools ask for: sessions, changes, overview, groups of failures, counts, audit and settings. */

export type SessionScope = "full" | "read-only";

/** Who is logged in with a cookie. */
export interface Session {
  readonly scope: SessionScope;
  /** Null for the token that the server was started with. */
  readonly tokenName: string | null;
  readonly isDevelopment: boolean;
  readonly version: string;
  /** Epoch milliseconds; each request moves it on. */
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

/** How many match a filter; counting stops at a bound, and the number is then no longer exact. */
export interface MatchCount {
  readonly count: number;
  readonly isExact: boolean;
}

export const FAILURE_CAUSES = [
  "unreachable",
  "timeout",
  "tunnel_page",
  "redirect_to_login",
  "signature_mismatch",
  "not_a_workflow",
  "old_sdk",
  "non_retryable",
  "payload_refused",
  "client_error",
  "server_error",
  "step_error",
  "cancelled",
  "unknown",
] as const;
/** What went wrong, as far as an answer tells. */
export type FailureCause = (typeof FAILURE_CAUSES)[number];

/** Dead letters that went wrong in the same way. */
export interface FailureGroup {
  readonly groupId: string;
  readonly url: string;
  readonly stepName: string | null;
  readonly cause: FailureCause;
  /** Null when there was no answer. */
  readonly responseStatus: number | null;
  /** Without what differs from one failure to the next: numbers, ids, addresses. */
  readonly message: string;
  readonly count: number;
  /** Epoch milliseconds. */
  readonly firstFailedAt: number;
  /** Epoch milliseconds. */
  readonly lastFailedAt: number;
  /** When the first of them leaves the queue, epoch milliseconds; null when all are held. */
  readonly expiresAt: number | null;
  /** Failures in 24 equal parts of the time between `bucketsFrom` and now. */
  readonly buckets: readonly number[];
  /** Epoch milliseconds. */
  readonly bucketsFrom: number;
  readonly sampleDlqId: string;
}

export interface FailureGroupPage {
  readonly groups: readonly FailureGroup[];
  readonly cursor?: string;
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
  readonly target: string | null;
  readonly query: string | null;
  /** Null while it is under way, or when the server ended in the middle. */
  readonly status: number | null;
  readonly error: string | null;
  /** How many it concerned, where it says so. */
  readonly count: number | null;
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
  /** What it is about: the name of a queue, a flow control, a workflow's URL; null when it is about the whole server. */
  readonly subject: string | null;
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
