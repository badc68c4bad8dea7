import type { AuditEntry, AuditPage } from "@reprise/protocol";
import { usePages } from "../../api/use-pages.ts";
import { Badge } from "../../parts/badge.tsx";
import { More } from "../../parts/more.tsx";
import { Empty, Fault, PageHead } from "../../parts/page.tsx";
import { type Column, PlainTable } from "../../parts/plain-table.tsx";
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
  { title: "What", cell: ({ action }) => <code className="font-mono text-xs">{action}</code> },
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
  const pages = usePages<AuditPage, AuditEntry>({
    queryKey: ["audit", "list"],
    path: "/v2/audit",
    itemsOf: ({ entries }) => entries,
  });
  const { items, error, refetch } = pages;
  return (
    <>
      <PageHead
        title="Audit log"
        detail="What people have done with tokens of the scope full, from the dashboard, the command line or elsewhere."
      />
      {error !== null && <Fault error={error} onRetry={() => void refetch()} />}
      {items?.length === 0 && (
        <Empty title="Nobody has done anything yet">
          Resumes, deletions, pauses, rotations and everything else that a person does is listed
          here.
        </Empty>
      )}
      {items !== undefined && items.length > 0 && (
        <>
          <PlainTable
            label="Audit log"
            rows={items}
            keyOf={({ auditId }) => auditId}
            columns={COLUMNS}
          />
          <More {...pages} />
        </>
      )}
    </>
  );
}
