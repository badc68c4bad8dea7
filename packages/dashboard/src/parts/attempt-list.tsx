import type { AttemptResource } from "@reprise/protocol";
import { ChevronRight } from "lucide-react";
import { Badge } from "./badge.tsx";
import { BodyView } from "./body-view.tsx";
import { HeaderList } from "./header-list.tsx";
import { formatDuration, Instant } from "./when.tsx";

interface AttemptListProps {
  readonly attempts: readonly AttemptResource[];
}

/** Every try to deliver, the last one open: what was sent, what came back, and what followed. */
export function AttemptList({ attempts }: AttemptListProps) {
  if (attempts.length === 0) return <p className="text-soft">No attempt is known.</p>;
  return (
    <ol className="space-y-2">
      {attempts.map((attempt, index) => (
        <li key={`${attempt.startedAt}-${attempt.retried}`}>
          <Attempt attempt={attempt} number={index + 1} isOpen={index === attempts.length - 1} />
        </li>
      ))}
    </ol>
  );
}

interface AttemptProps {
  readonly attempt: AttemptResource;
  readonly number: number;
  readonly isOpen: boolean;
}

function Attempt({ attempt, number, isOpen }: AttemptProps) {
  const { startedAt, endedAt, responseStatus, error, cause, move } = attempt;
  const isGood = responseStatus >= 200 && responseStatus < 300 && error === undefined;
  return (
    <details open={isOpen} className="group rounded-lg border border-line">
      <summary className="flex cursor-pointer list-none flex-wrap items-center gap-x-2 gap-y-1 px-3 py-2">
        <ChevronRight size={14} aria-hidden className="group-open:rotate-90" />
        <span className="font-medium">Attempt {number}</span>
        <Badge tone={isGood ? "good" : "bad"}>
          {responseStatus === 0 ? (cause ?? "no answer") : responseStatus}
        </Badge>
        <span className="text-xs text-soft">
          <Instant isExact at={startedAt} />, took {formatDuration(endedAt - startedAt)}
        </span>
      </summary>
      <div className="space-y-3 border-t border-line p-3">
        {error !== undefined && <p className="break-words text-bad">{error}</p>}
        <p className="break-words text-soft">So: {move}</p>
        <HeaderList title="Request headers" headers={attempt.requestHeader} />
        <HeaderList title="Response headers" headers={attempt.responseHeader} />
        <BodyView
          title="Response body"
          text={attempt.responseBody}
          base64={attempt.responseBodyBase64}
          headers={attempt.responseHeader}
          isTruncated={attempt.isTruncated}
        />
      </div>
    </details>
  );
}
