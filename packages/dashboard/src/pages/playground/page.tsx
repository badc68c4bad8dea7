import type { PublishAnswer } from "@reprise/protocol";
import { type ChangeEvent, type FormEvent, useState } from "react";
import { apiUrl, ask } from "../../api/client.ts";
import { useMayChange } from "../../api/session.ts";
import { useAction } from "../../api/use-action.ts";
import { Button } from "../../parts/button.tsx";
import { Copy } from "../../parts/copy.tsx";
import { Choice, Field, TextField } from "../../parts/field.tsx";
import { MessageLink, RunLink } from "../../parts/id-link.tsx";
import { Empty, Fault, PageHead, Panel } from "../../parts/page.tsx";
import { type Draft, EMPTY_DRAFT, faultOf, toCurl, toRequest } from "./draft.ts";

export function Page() {
  const mayChange = useMayChange();
  return (
    <>
      <PageHead
        title="Playground"
        detail="Starts runs and sends messages, and shows the request for your own code."
      />
      {mayChange ? (
        <Playground />
      ) : (
        <Empty title="A read-only token cannot send anything">
          Log in with a token of the scope full.
        </Empty>
      )}
    </>
  );
}

const KINDS = [
  ["workflow", "Start a workflow run"],
  ["message", "Publish a message"],
  ["queue", "Put a message into a queue"],
] as const;

function Playground() {
  const action = useAction("runs", "messages", "logs");
  const [draft, setDraft] = useState<Draft>(EMPTY_DRAFT);
  const [answer, setAnswer] = useState<readonly PublishAnswer[] | null>(null);
  const put = (change: Partial<Draft>) => setDraft({ ...draft, ...change });
  const send = async (event: FormEvent) => {
    event.preventDefault();
    setAnswer(null);
    const { path, headers, body } = toRequest(draft);
    await action.run(async () => {
      const fault = faultOf(draft);
      if (fault !== null) throw new Error(fault);
      const made = await ask<PublishAnswer | readonly PublishAnswer[]>(path, {
        method: "POST",
        headers,
        body,
      });
      setAnswer(Array.isArray(made) ? made : [made as PublishAnswer]); // One destination is answered without a list.
    });
  };
  return (
    <div className="grid grid-cols-1 gap-4 lg:grid-cols-2">
      <Panel title="Request">
        <form onSubmit={(event) => void send(event)} className="grid gap-4 sm:grid-cols-2">
          <DraftFields draft={draft} put={put} />
          <Button type="submit" look="primary" className="sm:col-span-2" disabled={action.isBusy}>
            {action.isBusy ? "Sending ..." : "Send"}
          </Button>
        </form>
      </Panel>
      <div className="grid grid-cols-1 content-start gap-4">
        <Panel title="Answer">
          {action.error !== null && <Fault error={action.error} />}
          {answer === null && action.error === null && (
            <p className="text-soft">Send the request to see what became of it.</p>
          )}
          {answer !== null && <Answers answer={answer} />}
        </Panel>
        <Curl draft={draft} />
      </div>
    </div>
  );
}

interface DraftFieldsProps {
  readonly draft: Draft;
  readonly put: (change: Partial<Draft>) => void;
}

function DraftFields({ draft, put }: DraftFieldsProps) {
  /** What ties an input to its part of the draft. */
  const of = (name: Exclude<keyof Draft, "kind">) => ({
    value: draft[name],
    onChange: ({ target }: ChangeEvent<HTMLInputElement | HTMLTextAreaElement>) =>
      put({ [name]: target.value }),
  });
  return (
    <>
      <Choice
        label="Do"
        className="sm:col-span-2"
        value={draft.kind}
        choices={KINDS}
        onChoose={(kind) => put({ kind: kind as Draft["kind"] })} // One of KINDS.
      />
      {draft.kind === "queue" && <Field label="Queue" required {...of("queue")} />}
      <Field
        label={draft.kind === "workflow" ? "Workflow URL" : "Destination"}
        required
        className="sm:col-span-2"
        placeholder="http://localhost:3000/api/order"
        {...of("url")}
      />
      <TextField label="Body" className="sm:col-span-2" {...of("body")} />
      <Field label="Retries" type="number" min={0} placeholder="3" {...of("retries")} />
      <Field label="Delay" placeholder="10s" {...of("delay")} />
      <Field label="Labels" placeholder="a, b" {...of("labels")} />
      <Field label="Flow-control key" {...of("flowKey")} />
      <Field
        label="Flow-control limits"
        placeholder="parallelism=2, rate=10, period=1m"
        {...of("flowValue")}
      />
      <TextField
        label="Headers for the destination"
        className="sm:col-span-2"
        rows={3}
        placeholder="X-Tenant: acme"
        hint="One a line; each goes as Upstash-Forward-..."
        {...of("headers")}
      />
    </>
  );
}

function Answers({ answer }: { readonly answer: readonly PublishAnswer[] }) {
  return (
    <ul role="status" className="grid gap-1">
      {answer.map(({ messageId, workflowRunId, deduplicated }) => (
        <li key={messageId ?? workflowRunId}>
          {workflowRunId === undefined ? (
            <MessageLink id={messageId} />
          ) : (
            <RunLink id={workflowRunId} />
          )}
          {deduplicated === true && " (a duplicate: nothing new was made)"}
        </li>
      ))}
    </ul>
  );
}

function Curl({ draft }: { readonly draft: Draft }) {
  const text = toCurl(draft, apiUrl("/").href);
  return (
    <Panel title="The same with curl">
      <div className="flex items-start gap-2">
        <pre
          // biome-ignore lint/a11y/noNoninteractiveTabindex: whoever has no mouse scrolls with the keys
          tabIndex={0}
          className="min-w-0 flex-1 overflow-x-auto rounded-md bg-ground p-3 font-mono text-xs"
        >
          {text}
        </pre>
        <Copy text={text} label="the command" />
      </div>
    </Panel>
  );
}
