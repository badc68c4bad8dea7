import type { AuditEntry, AuditPage } from "@reprise/protocol";
import { toSearch } from "../../api/client.ts";
import { usePages } from "../../api/use-pages.ts";
import { AUDIT_FIELDS } from "../../filters/audit-fields.ts";
import { FilterBar } from "../../filters/filter-bar.tsx";
import { matchesText } from "../../filters/query.ts";
import { searchFor, useFilter } from "../../filters/use-filter.ts";
import { Badge } from "../../parts/badge.tsx";
import { More } from "../../parts/more.tsx";
import { Empty, Fault, PageHead } from "../../parts/page.tsx";
import { type Column, PlainTable } from "../../parts/plain-table.tsx";
import { Snippet } from "../../parts/snippet.tsx";
import { Instant } from "../../parts/when.tsx";

const COLUMNS: readonly Column<AuditEntry>[] = [
  { title: "When", cell: ({ at }) => <Instant at={at} /> },
  {
    title: "Who",
    cell: ({ tokenName, isDashboard }) => (
      <>
        {tokenName ?? "the server's token"} {isDashboard && <Badge tone="dull">dashboard</Badge>}
      </>
    ),
  },
  { title: "From", isMinor: true, cell: ({ callerIP }) => callerIP },
  {
    title: "What",
    cell: ({ action }) => (
      <a
        href={`#/audit?${toSearch(searchFor({ action }))}`}
        className="font-mono text-xs text-accent hover:underline"
      >
        {action}
      </a>
    ),
  },
  {
    title: "On what",
    cell: ({ target, query }) => (
      <span className="font-mono text-xs break-all">
        {target}
        {query !== null && <span className="text-soft"> ?{query}</span>}
      </span>
    ),
  },
  { title: "How many", isNumber: true, isMinor: true, cell: ({ count }) => count ?? "" },
  { title: "Outcome", cell: (entry) => <Outcome entry={entry} /> },
];

function Outcome({ entry: { status, error } }: { readonly entry: AuditEntry }) {
  if (status === null) return <Badge tone="warn">unknown</Badge>;
  if (status < 400) return <Badge tone="good">done</Badge>;
  return (
    <>
      <Badge tone="bad">refused, {status}</Badge>
      {error !== null && <span className="ml-2 text-soft">{error}</span>}
    </>
  );
}

/** Who has done what. */
export function Page() {
  const state = useFilter(AUDIT_FIELDS);
  const { query, filter } = state;
  const pages = usePages<AuditPage, AuditEntry>({
    queryKey: ["audit", "list"],
    path: "/v2/audit",
    query,
    itemsOf: ({ entries }) => entries,
  });
  const { error, refetch } = pages;
  const items = pages.items?.filter(({ action, target, tokenName, callerIP, error: code }) =>
    matchesText(filter, [action, target ?? "", tokenName ?? "", callerIP, code ?? ""]),
  );
  return (
    <>
      <PageHead
        title="Audit log"
        detail="What people have done with tokens of the scope full, from the dashboard, the command line or elsewhere."
      />
      <FilterBar
        fields={AUDIT_FIELDS}
        state={state}
        page="audit"
        placeholder="Filter: token:night from:2h dlq"
      />
      {error !== null && <Fault error={error} onRetry={() => void refetch()} />}
      {items?.length === 0 && <NoEntries isFiltered={state.text !== ""} />}
      {items !== undefined && items.length > 0 && (
        <PlainTable
          label="Audit log"
          rows={items}
          keyOf={({ auditId }) => auditId}
          columns={COLUMNS}
        />
      )}
      <More {...pages} />
    </>
  );
}

function NoEntries({ isFiltered }: { readonly isFiltered: boolean }) {
  if (isFiltered) return <Empty title="Nothing matches">Take a part of the filter away.</Empty>;
  return (
    <Empty title="Nobody has done anything yet">
      Resumes, deletions, pauses, rotations and everything else that a person does is listed here.
      At the shell, for one:
      <Snippet command="reprise queues set mail --parallelism 2" />
    </Empty>
  );
}
