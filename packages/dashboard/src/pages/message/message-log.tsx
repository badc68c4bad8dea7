import type { LogResource } from "@reprise/protocol";
import { ChevronRight } from "lucide-react";
import { StateBadge } from "../../parts/badge.tsx";
import { BodyView } from "../../parts/body-view.tsx";
import { HeaderList } from "../../parts/header-list.tsx";
import { MessageLink } from "../../parts/id-link.tsx";
import { formatDuration, Instant } from "../../parts/when.tsx";

interface MessageLogProps {
  readonly events: readonly LogResource[];
  readonly hasMore: boolean;
}

/** What happened, the oldest first; an answer opens to its headers and body. */
export function MessageLog({ events, hasMore }: MessageLogProps) {
  if (events.length === 0) return <p className="text-soft">The log of this message is gone.</p>;
  return (
    <>
      <ol className="divide-y divide-line">
        {events.map((event, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: entries have no ids, and only new ones come, at the end
          <li key={index} className="py-2 first:pt-0 last:pb-0">
            <Entry event={event} />
          </li>
        ))}
      </ol>
      {hasMore && (
        <p className="mt-2 text-xs text-soft">There is more; the logs page has all of it.</p>
      )}
    </>
  );
}

function Entry({ event }: { readonly event: LogResource }) {
  const { state, time, sourceMessageId } = event;
  const isAnswer = event.responseStatus !== undefined || event.error !== undefined;
  const line = (
    <span className="inline-flex flex-wrap items-center gap-x-2 gap-y-1">
      <StateBadge state={state} />
      <span className="text-xs text-soft">
        <Instant at={time} />
      </span>
      <span className="break-words">{sentenceOf(event)}</span>
      {sourceMessageId !== undefined && state === "CREATED" && (
        <span className="text-soft">
          callback of <MessageLink id={sourceMessageId} />
        </span>
      )}
    </span>
  );
  if (!isAnswer) return <div className="pl-5">{line}</div>;
  return (
    <details className="group">
      <summary className="flex cursor-pointer list-none items-start gap-1">
        <ChevronRight size={14} aria-hidden className="mt-1 shrink-0 group-open:rotate-90" />
        {line}
      </summary>
      <div className="mt-2 space-y-3 pl-5">
        {event.error !== undefined && <p className="break-words text-bad">{event.error}</p>}
        {event.move !== undefined && <p className="break-words text-soft">So: {event.move}</p>}
        <HeaderList
          title="Response headers"
          headers={event.responseHeaders ?? event.responseHeader}
        />
        <BodyView
          title="Response body"
          text={decode(event.responseBody)}
          base64={event.responseBody}
          headers={event.responseHeaders ?? event.responseHeader}
          isTruncated={event.isResponseTruncated}
        />
      </div>
    </details>
  );
}

function sentenceOf(event: LogResource): React.ReactNode {
  const { state, retried, responseStatus, startedAt, time, nextDeliveryTime, cause } = event;
  const took = startedAt === undefined ? "" : ` after ${formatDuration(time - startedAt)}`;
  const status = responseStatus === undefined ? (cause ?? "no answer") : `${responseStatus}`;
  switch (state) {
    case "ACTIVE":
      return `attempt ${retried + 1}`;
    case "DELIVERED":
    case "ERROR":
      return `${status}${took}`;
    case "RETRY":
    case "CREATED":
      if (nextDeliveryTime === undefined) return "";
      return (
        <>
          next attempt at <Instant at={nextDeliveryTime} />
        </>
      );
    default:
      return "";
  }
}

/** The text of base64; undefined when the bytes are no UTF-8. */
function decode(base64: string | undefined): string | undefined {
  if (base64 === undefined) return undefined;
  try {
    const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
