import type { AuditRow } from "../core/rows.ts";
import type { Host } from "../host/host.ts";
import type { Store } from "../store/store.ts";
import { KeyRange } from "./key-range.ts";

/** Who wants what. */
export type AuditedAction = Pick<
  AuditRow,
  "tokenName" | "scope" | "isDashboard" | "callerIp" | "action" | "target" | "query"
>;

export type AuditedOutcome = Pick<AuditRow, "status" | "error" | "count" | "actionId">;

export interface AuditTrailOptions {
  readonly store: Store;
  readonly host: Pick<Host, "now" | "log">;
}

/** Keeps what people do, and what came of it. */
export class AuditTrail {
  readonly #options: AuditTrailOptions;

  constructor(options: AuditTrailOptions) {
    this.#options = options;
  }

  /**
   * Writes down what is about to happen; returns the key of the row. When it cannot be written, nothing may happen.
   * @throws RepriseError `storage_unavailable`.
   */
  begin(action: AuditedAction): Promise<number> {
    const { store, host } = this.#options;
    const at = host.now();
    return store.transaction(async (transaction) => {
      const keys = new KeyRange(true);
      await keys.reserve(1, transaction);
      const key = keys.next();
      const open = { status: null, error: null, count: null, actionId: null };
      const row: AuditRow = { key, at, ...action, ...open };
      await transaction.write([{ type: "insert", table: "audits", row }]);
      return key;
    });
  }

  /** What has happened has happened: where this cannot be written, the outcome stays unknown. */
  async end(key: number, outcome: AuditedOutcome): Promise<void> {
    const { store, host } = this.#options;
    try {
      await store.transaction((transaction) =>
        transaction.write([{ type: "update", table: "audits", key, set: outcome }]),
      );
    } catch (error) {
      host.log("warn", "audit_not_completed", { auditKey: key, cause: String(error) });
    }
  }
}
