import type { AuditEntry } from "@reprise/protocol";
import { until } from "../conformance/until.ts";
import type { Shop } from "./shop.ts";

/** The newest entry of the audit log about an action, when it is over. */
export function auditOf(shop: Shop, action: string, target?: string | null): Promise<AuditEntry> {
  return until(`an audit entry of ${action} on ${target ?? "anything"}`, async () => {
    const query = new URLSearchParams({ action });
    // The answer of this server.
    const { entries } = (await shop.ask("GET", `/v2/audit?${query}`)) as {
      readonly entries: readonly AuditEntry[];
    };
    return entries.find(
      (entry) => entry.status !== null && (target === undefined || entry.target === target),
    );
  });
}

/** What an entry has that a person wrote with the dashboard of a server for development. */
export const BY_DASHBOARD = {
  tokenName: null,
  scope: "full",
  isDashboard: true,
  callerIP: "127.0.0.1",
  error: null,
} as const;
