import type { LineAnswer, LineMember } from "@reprise/protocol";
import { useQuery } from "@tanstack/react-query";
import { ask, type Query } from "../api/client.ts";
import { Dialog } from "./dialog.tsx";
import { MessageLink, RunLink } from "./id-link.tsx";
import { Fault } from "./page.tsx";
import { When } from "./when.tsx";

interface LineDialogProps {
  readonly title: string;
  /** `queueName` or `flowControlKey`. */
  readonly query: Query;
  readonly onClose: () => void;
}

/** Who has the places of a queue or a flow-control key, and who waits for them. */
export function LineDialog({ title, query, onClose }: LineDialogProps) {
  const { data, error } = useQuery({
    queryKey: ["messages", "line", query],
    queryFn: ({ signal }) => ask<LineAnswer>("/v2/lines", { query, signal }),
  });
  return (
    <Dialog isOpen onClose={onClose} title={`Places of ${title}`} isWide>
      {error !== null && <Fault error={error} />}
      {data !== undefined && (
        <div className="grid gap-5">
          <Members
            title="In flight"
            members={data.holders}
            count={data.holderCount}
            none="Nobody has a place now."
          />
          <Members
            title="Waiting, first in line first"
            members={data.waiting}
            count={data.waitingCount}
            none="Nobody waits."
          />
        </div>
      )}
    </Dialog>
  );
}

interface MembersProps {
  readonly title: string;
  readonly members: readonly LineMember[];
  readonly count: number;
  readonly none: string;
}

function Members({ title, members, count, none }: MembersProps) {
  return (
    <section>
      <h3 className="font-medium">
        {title} <span className="text-soft tabular-nums">{count}</span>
      </h3>
      {count === 0 && <p className="mt-1 text-soft">{none}</p>}
      <ol className="mt-1 divide-y divide-line">
        {members.map((member) => (
          <li key={member.messageId} className="flex items-baseline gap-3 py-1.5">
            <MemberLink member={member} />
            <span className="min-w-0 truncate text-soft" title={member.url}>
              {member.url}
            </span>
            <span className="ml-auto text-soft">
              <When at={member.createdAt} />
            </span>
          </li>
        ))}
      </ol>
      {count > members.length && (
        <p className="mt-1 text-soft">and {count - members.length} more</p>
      )}
    </section>
  );
}

function MemberLink({ member }: { readonly member: LineMember }) {
  const { workflowRunId, messageId } = member;
  return workflowRunId === undefined ? (
    <MessageLink id={messageId} />
  ) : (
    <RunLink id={workflowRunId} />
  );
}
