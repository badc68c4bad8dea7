import type { DeadLetterResource, RunResource } from "@reprise/protocol";
import { Badge } from "../../parts/badge.tsx";
import { BodyView } from "../../parts/body-view.tsx";
import { CurlButton } from "../../parts/curl-button.tsx";
import { Facts } from "../../parts/facts.tsx";
import { HeaderList } from "../../parts/header-list.tsx";
import { Below, SubHeading } from "../../parts/heading.tsx";
import { describeError } from "../../parts/run-story.ts";
import { formatDuration, Instant } from "../../parts/when.tsx";
import type { AttemptBar, StepBar } from "./timeline-model.ts";

interface AttemptDetailProps {
  readonly run: RunResource;
  readonly bar: StepBar;
  readonly attempt: AttemptBar;
  /** The dead letter of the run: it has kept what was sent. */
  readonly entry: DeadLetterResource | null | undefined;
}

/** One failed attempt: what was sent, what came back, and what the engine did next. */
export function AttemptDetail({ run, bar, attempt, entry }: AttemptDetailProps) {
  const { step } = bar.placed;
  const { error, from, to } = attempt;
  const kept = entry?.attempts?.find(
    ({ endedAt, error: said }) => endedAt === error.time && said === error.error,
  );
  const isCall = step.callUrl !== undefined;
  const url = step.callUrl ?? run.workflowUrl;
  const method = isCall ? (step.callMethod ?? "GET") : "POST";
  const headers = isCall ? step.callHeaders : (kept?.requestHeader ?? step.headers);
  const text = isCall ? step.callBody : undefined;
  return (
    <div className="space-y-4">
      <p className="break-words text-bad">{describeError(error)}</p>
      {error.reason !== undefined && (
        <p className="rounded-md bg-raised px-3 py-2">
          <span className="text-soft">Then: </span>
          {error.reason}
        </p>
      )}
      <Facts
        facts={[
          ["Asked", `${method} ${url}`],
          ["Began", <Instant isExact key="f" at={from} />],
          ["Ended", <Instant isExact key="t" at={to} />],
          ["Took", from === to ? undefined : formatDuration(to - from)],
          ["Cause", kept?.cause],
        ]}
      />
      <div>
        <div className="mb-2 flex items-center gap-2">
          <SubHeading className="font-semibold">Response</SubHeading>
          <Badge tone={error.status >= 200 && error.status < 300 ? "good" : "bad"}>
            {error.status === 0 ? "no answer" : error.status}
          </Badge>
        </div>
        <Below>
          <div className="space-y-3">
            <BodyView
              title="Body"
              text={kept?.responseBody ?? error.body}
              base64={kept?.responseBodyBase64}
              headers={error.headers}
              isTruncated={kept?.isTruncated}
            />
            <HeaderList title="Headers" headers={error.headers} />
          </div>
        </Below>
      </div>
      <div>
        <div className="mb-2 flex items-center gap-2">
          <SubHeading className="font-semibold">Request</SubHeading>
          {headers !== undefined && <CurlButton request={{ method, url, headers, text }} />}
        </div>
        <Below>
          <div className="space-y-3">
            {text !== undefined && <BodyView title="Body" text={text} headers={headers} />}
            {headers === undefined ? (
              <p className="text-xs text-soft">
                Its headers are kept with the dead letter of a failed run.
              </p>
            ) : (
              <HeaderList title="Headers" headers={headers} />
            )}
          </div>
        </Below>
      </div>
    </div>
  );
}
