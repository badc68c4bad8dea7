import type { OpenMessagePage, OpenMessageResource } from "@reprise/protocol";
import { useNavigate } from "@tanstack/react-router";
import { Ban } from "lucide-react";
import { useCallback, useMemo, useState } from "react";
import { useMayChange } from "../../api/session.ts";
import { FilterBar } from "../../filters/filter-bar.tsx";
import { OPEN_MESSAGE_FIELDS } from "../../filters/open-message-fields.ts";
import { matchesText } from "../../filters/query.ts";
import { type FilterState, useFilter } from "../../filters/use-filter.ts";
import { whyNotAll } from "../../filters/why-not-all.ts";
import { Button } from "../../parts/button.tsx";
import { Empty, PageHead } from "../../parts/page.tsx";
import { Snippet } from "../../parts/snippet.tsx";
import { DataTable } from "../../parts/table/data-table.tsx";
import { type Selection, useSelection } from "../../parts/table/selection.ts";
import { useLivePages } from "../../parts/table/use-live-pages.ts";
import { formatCount } from "../../parts/words.ts";
import { type Cancelled, CancelMessages } from "./cancel-messages.tsx";
import { MESSAGE_COLUMNS } from "./message-columns.tsx";

const readMessages = ({ messages, cursor }: OpenMessagePage) => ({ rows: messages, cursor });
const idOfMessage = ({ messageId }: OpenMessageResource) => messageId;
const TOPICS = ["messages"] as const;

/** Messages that have not ended, and what each waits for. */
export function Page() {
  const state = useFilter(OPEN_MESSAGE_FIELDS);
  const mayChange = useMayChange();
  const selection = useSelection();
  const [work, setWork] = useState<Cancelled | null>(null);
  const close = () => {
    setWork(null);
    if (work?.kind === "ids") selection.clear();
  };
  return (
    <div className="flex h-full flex-col">
      <PageHead
        title="Messages"
        detail="Those that have not ended, and what each waits for. What happened to the others is in the logs."
        {...(mayChange
          ? { actions: <Actions state={state} selection={selection} onWork={setWork} /> }
          : {})}
      />
      <FilterBar
        fields={OPEN_MESSAGE_FIELDS}
        state={state}
        page="messages"
        placeholder="Filter: state:waiting queue:invoices host:api.example.com"
      />
      <Messages state={state} {...(mayChange ? { selection } : {})} />
      {work !== null && <CancelMessages what={work} onClose={close} />}
    </div>
  );
}

interface ActionsProps {
  readonly state: FilterState;
  readonly selection: Selection;
  readonly onWork: (what: Cancelled) => void;
}

function Actions({ state, selection, onWork }: ActionsProps) {
  const messageIds = [...selection.ids];
  // The cancel of the API knows no states: it would take more than is shown.
  const notAll =
    state.query.state === undefined
      ? whyNotAll(state)
      : "A cancel cannot choose by state: select messages instead";
  if (messageIds.length > 0) {
    return (
      <>
        <Button look="quiet" onClick={selection.clear}>
          Clear selection
        </Button>
        <Button look="danger" onClick={() => onWork({ kind: "ids", messageIds })}>
          <Ban size={14} aria-hidden />
          Cancel {formatCount(messageIds.length)} selected
        </Button>
      </>
    );
  }
  return (
    <Button
      disabled={notAll !== null}
      title={notAll ?? undefined}
      onClick={() => onWork({ kind: "filter", query: state.query })}
    >
      <Ban size={14} aria-hidden />
      Cancel all that match
    </Button>
  );
}

interface MessagesProps {
  readonly state: FilterState;
  readonly selection?: Selection;
}

function Messages({ state, selection }: MessagesProps) {
  const navigate = useNavigate();
  const { query: given, filter } = state;
  const query = useMemo(() => ({ ...given, count: 50 }), [given]);
  const path = "/v2/messages";
  const list = useLivePages({ topics: TOPICS, path, query, read: readMessages, idOf: idOfMessage });
  const rows = useMemo(
    () =>
      list.rows.filter(({ messageId, url, waitingFor, label }) =>
        matchesText(filter, [messageId, url, waitingFor, label]),
      ),
    [list.rows, filter],
  );
  const open = useCallback(
    ({ messageId }: OpenMessageResource) =>
      void navigate({ to: "/messages/$messageId", params: { messageId }, search: {} }),
    [navigate],
  );
  return (
    <DataTable
      label="Open messages"
      list={list}
      rows={rows}
      columns={MESSAGE_COLUMNS}
      idOf={idOfMessage}
      onOpen={open}
      {...(selection === undefined ? {} : { selection })}
      empty={<NoMessages isFiltered={state.text !== ""} />}
    />
  );
}

function NoMessages({ isFiltered }: { readonly isFiltered: boolean }) {
  return isFiltered ? (
    <Empty title="No open message matches">
      It may have been delivered meanwhile. Take something out of the filter to see more.
    </Empty>
  ) : (
    <Empty title="No message is open">
      Everything has been delivered, has failed or was cancelled. Send one from the playground, or
      at the shell:
      <Snippet command="reprise publish http://127.0.0.1:3000/hook --body hello --delay 10m" />
    </Empty>
  );
}
