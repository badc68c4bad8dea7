import type { LogPage, MessageResource, OpenMessageFields } from "@reprise/protocol";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { ApiError, ask } from "../../api/client.ts";
import { useMayChange } from "../../api/session.ts";
import { StateBadge } from "../../parts/badge.tsx";
import { BodyView } from "../../parts/body-view.tsx";
import { Copy } from "../../parts/copy.tsx";
import { CurlButton } from "../../parts/curl-button.tsx";
import { HeaderList } from "../../parts/header-list.tsx";
import { OpenStateBadge } from "../../parts/open-state-badge.tsx";
import { Empty, Fault, PageHead, Panel } from "../../parts/page.tsx";
import { Told } from "../../parts/told.tsx";
import { MessageActions } from "./message-actions.tsx";
import { MessageFacts } from "./message-facts.tsx";
import { MessageLog } from "./message-log.tsx";

/** A message as it was published, and as long as it is open what it waits for. */
export type ShownMessage = MessageResource & Partial<OpenMessageFields>;

const LOG_COUNT = 500;

/** One message: where it stands, what it was given, and everything that happened to it. */
export function Page() {
  const { messageId = "" } = useParams({ strict: false });
  const path = `/v2/messages/${encodeURIComponent(messageId)}`;
  const message = useQuery({
    queryKey: [["messages", "logs"], "one", messageId],
    queryFn: ({ signal }) => ask<ShownMessage>(path, { signal }),
  });
  const log = useQuery({
    queryKey: ["logs", "of", messageId],
    queryFn: ({ signal }) =>
      ask<LogPage>("/v2/logs", {
        query: { messageId, order: "earliestFirst", count: LOG_COUNT },
        signal,
      }),
  });
  const { data, error } = message;
  if (error instanceof ApiError && error.status === 404) return <Missing messageId={messageId} />;
  const title = `Message ${messageId}`;
  if (data === undefined) {
    return (
      <>
        <PageHead title={title} />
        {error !== null && <Fault error={error} onRetry={() => void message.refetch()} />}
      </>
    );
  }
  return <Shown message={data} log={log.data} logError={log.error} />;
}

interface ShownProps {
  readonly message: ShownMessage;
  readonly log: LogPage | undefined;
  readonly logError: Error | null;
}

function Shown({ message, log, logError }: ShownProps) {
  const mayChange = useMayChange();
  const { messageId, state, waitingFor } = message;
  const last = log?.events.at(-1)?.state;
  return (
    <>
      <PageHead
        title={`Message ${messageId}`}
        detail={
          <span className="flex flex-wrap items-center gap-2">
            {state !== undefined && <OpenStateBadge state={state} />}
            {state === undefined && last !== undefined && <StateBadge state={last} />}
            <span className="break-words">
              {waitingFor === undefined ? verdictOf(last) : <Told text={waitingFor} />}
            </span>
            {last === "FAILED" && (
              <a
                href={`#/failures/entries?kind=messages&q=message:${encodeURIComponent(messageId)}`}
                className="text-accent hover:underline"
              >
                Open the dead letter
              </a>
            )}
            <Copy text={messageId} label="the id of the message" />
          </span>
        }
        {...(mayChange ? { actions: <MessageActions message={message} /> } : {})}
      />
      <div className="grid gap-4 xl:grid-cols-2">
        <div className="min-w-0 space-y-4">
          <Panel title="What happened">
            {logError !== null && <Fault error={logError} />}
            {log !== undefined && (
              <MessageLog events={log.events} hasMore={log.cursor !== undefined} />
            )}
          </Panel>
        </div>
        <div className="min-w-0 space-y-4">
          <Panel title="What it was given">
            <MessageFacts message={message} />
          </Panel>
          <Panel title="Request">
            <div className="space-y-4">
              <CurlButton
                request={{
                  method: message.method,
                  url: message.url,
                  headers: message.header ?? {},
                  text: message.body,
                  base64: message.bodyBase64,
                }}
              />
              <HeaderList title="Headers" headers={message.header} />
              <BodyView
                title="Body"
                text={message.body}
                base64={message.bodyBase64}
                headers={message.header}
              />
            </div>
          </Panel>
        </div>
      </div>
    </>
  );
}

const VERDICTS: Readonly<Record<string, string>> = {
  DELIVERED: "It has been delivered.",
  FAILED: "Its retries are used up; it waits in the dead letter queue.",
  CANCELED: "It was cancelled.",
};

/** What the last entry of the log says of a message that has ended. */
const verdictOf = (last: string | undefined): string => VERDICTS[last ?? ""] ?? "It has ended.";

function Missing({ messageId }: { readonly messageId: string }) {
  return (
    <>
      <PageHead title={`Message ${messageId}`} />
      <Empty title="There is no such message">
        It may be over and gone with the time that is set for logs, or it belongs to a run: then its
        page is that of the run.
      </Empty>
    </>
  );
}
