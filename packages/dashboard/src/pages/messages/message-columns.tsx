import type { OpenMessageResource } from "@reprise/protocol";
import { Badge } from "../../parts/badge.tsx";
import { CellText } from "../../parts/cell-text.tsx";
import { MessageLink } from "../../parts/id-link.tsx";
import { OpenStateBadge } from "../../parts/open-state-badge.tsx";
import type { TableColumn } from "../../parts/table/columns.ts";
import { Told } from "../../parts/told.tsx";
import { UrlText } from "../../parts/url-text.tsx";
import { When } from "../../parts/when.tsx";

export const MESSAGE_COLUMNS: readonly TableColumn<OpenMessageResource>[] = [
  {
    id: "state",
    title: "State",
    width: "9.5rem",
    isFixed: true,
    cell: ({ state }) => <OpenStateBadge state={state} />,
  },
  {
    id: "id",
    title: "Message",
    width: "6.5rem",
    isFixed: true,
    cell: ({ messageId }) => <MessageLink id={messageId} />,
  },
  {
    id: "url",
    title: "Destination",
    width: "minmax(15rem, 2fr)",
    narrow: "line",
    cell: ({ url }) => <UrlText url={url} />,
  },
  {
    id: "waiting",
    title: "Waits for",
    width: "minmax(19rem, 3fr)",
    narrow: "line",
    cell: ({ waitingFor }) => <Told text={waitingFor} />,
  },
  {
    id: "next",
    title: "Next attempt",
    width: "8rem",
    cell: ({ nextDeliveryTime: at }) => (at === undefined ? null : <When at={at} />),
  },
  {
    id: "retried",
    title: "Failed tries",
    width: "6rem",
    isNumber: true,
    narrow: "none",
    cell: ({ retried, maxRetries }) => `${retried} of ${maxRetries + 1}`,
  },
  {
    id: "labels",
    title: "Labels",
    width: "8rem",
    narrow: "none",
    cell: ({ labels = [] }) => (
      <span className="inline-flex gap-1" title={labels.join(", ")}>
        {labels.map((label) => (
          <Badge key={label} tone="dull">
            {label}
          </Badge>
        ))}
      </span>
    ),
  },
  {
    id: "queue",
    title: "Queue",
    width: "7rem",
    isHidden: true,
    narrow: "none",
    cell: ({ queueName }) => <CellText text={queueName} />,
  },
  {
    id: "flow",
    title: "Flow control",
    width: "7rem",
    isHidden: true,
    narrow: "none",
    cell: ({ flowControlKey }) => <CellText text={flowControlKey} />,
  },
  {
    id: "schedule",
    title: "Schedule",
    width: "9rem",
    isHidden: true,
    narrow: "none",
    cell: ({ scheduleId }) => <CellText text={scheduleId} />,
  },
  {
    id: "created",
    title: "Created",
    width: "7rem",
    cell: ({ createdAt }) => <When at={createdAt} />,
  },
];
