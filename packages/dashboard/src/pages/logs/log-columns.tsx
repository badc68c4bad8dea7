import type { LogResource } from "@reprise/protocol";
import { StateBadge } from "../../parts/badge.tsx";
import { CellText } from "../../parts/cell-text.tsx";
import { MessageLink } from "../../parts/id-link.tsx";
import type { TableColumn } from "../../parts/table/columns.ts";
import { UrlText } from "../../parts/url-text.tsx";
import { formatDuration, Instant } from "../../parts/when.tsx";

export const LOG_COLUMNS: readonly TableColumn<LogResource>[] = [
  {
    id: "time",
    title: "When",
    width: "11rem",
    isFixed: true,
    cell: ({ time }) => <Instant at={time} />,
  },
  {
    id: "state",
    title: "What happened",
    width: "8.5rem",
    isFixed: true,
    cell: ({ state }) => <StateBadge state={state} />,
  },
  {
    id: "id",
    title: "Message",
    width: "6.5rem",
    cell: ({ messageId }) => <MessageLink id={messageId} />,
  },
  {
    id: "url",
    title: "Destination",
    width: "minmax(14rem, 2fr)",
    narrow: "line",
    cell: ({ url }) => <UrlText url={url} />,
  },
  {
    id: "status",
    title: "Status",
    width: "5rem",
    isNumber: true,
    narrow: "none",
    cell: ({ responseStatus }) => responseStatus,
  },
  {
    id: "took",
    title: "Took",
    width: "6rem",
    isNumber: true,
    narrow: "none",
    cell: ({ startedAt, time }) =>
      startedAt === undefined ? null : formatDuration(time - startedAt),
  },
  {
    id: "error",
    title: "Why",
    width: "minmax(12rem, 2fr)",
    narrow: "line",
    cell: ({ error }) => (
      <span className="text-bad">
        <CellText text={error} />
      </span>
    ),
  },
];
