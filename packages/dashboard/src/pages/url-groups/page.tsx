import type { UrlGroupEndpoint, UrlGroupResource } from "@reprise/protocol";
import { useQuery } from "@tanstack/react-query";
import { Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { ask } from "../../api/client.ts";
import { useMayChange } from "../../api/session.ts";
import { type Action, useAction } from "../../api/use-action.ts";
import { Button } from "../../parts/button.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { Field } from "../../parts/field.tsx";
import { FormDialog } from "../../parts/form-dialog.tsx";
import { Empty, Fault, PageHead, Panel } from "../../parts/page.tsx";
import { Snippet } from "../../parts/snippet.tsx";
import { When } from "../../parts/when.tsx";

const pathOf = (name: string) => `/v2/topics/${encodeURIComponent(name)}`;

type Open =
  | { readonly type: "add"; readonly name: string }
  | { readonly type: "delete"; readonly name: string }
  | null;

export function Page() {
  const mayChange = useMayChange();
  const action = useAction("urlGroups");
  const [open, setOpen] = useState<Open>(null);
  const { data, error, refetch } = useQuery({
    queryKey: ["urlGroups", "list"],
    queryFn: ({ signal }) => ask<readonly UrlGroupResource[]>("/v2/topics", { signal }),
  });
  const close = () => setOpen(null);
  const newButton = (
    <Button look="primary" onClick={() => setOpen({ type: "add", name: "" })}>
      <Plus size={14} aria-hidden /> New group
    </Button>
  );
  return (
    <>
      <PageHead
        title="URL groups"
        detail="One name for several destinations: each gets a copy of every message."
        actions={mayChange && newButton}
      />
      {error !== null && <Fault error={error} onRetry={() => void refetch()} />}
      {action.error !== null && <Fault error={action.error} />}
      {data?.length === 0 && (
        <Empty title="There is no URL group yet">
          Make one here or at the shell, then publish to its name:
          <Snippet command="reprise url-groups add customers http://127.0.0.1:3000/mail http://127.0.0.1:3000/sms" />
          <Snippet command="reprise publish customers --body hello" />
        </Empty>
      )}
      <div className="grid gap-4">
        {data?.map((group) => (
          <Group
            key={group.name}
            group={group}
            mayChange={mayChange}
            action={action}
            show={setOpen}
          />
        ))}
      </div>
      {open?.type === "add" && <EndpointDialog group={open.name} onClose={close} />}
      {open?.type === "delete" && (
        <Confirm
          isOpen
          onClose={close}
          title={`Delete the group ${open.name}?`}
          verb="Delete"
          action={action}
          work={() => ask(pathOf(open.name), { method: "DELETE" })}
        >
          Messages to its name are refused from then on; schedules to it show an error.
        </Confirm>
      )}
    </>
  );
}

interface GroupProps {
  readonly group: UrlGroupResource;
  readonly mayChange: boolean;
  readonly action: Action;
  readonly show: (open: Open) => void;
}

function Group({ group, mayChange, action, show }: GroupProps) {
  const remove = ({ name, url }: UrlGroupEndpoint) => {
    const body = { endpoints: [name === undefined ? { url } : { name }] };
    void action.run(() => ask(`${pathOf(group.name)}/endpoints`, { method: "DELETE", body }));
  };
  return (
    <Panel>
      <div className="flex flex-wrap items-center gap-3">
        <h2 className="font-semibold">{group.name}</h2>
        <span className="text-soft">
          changed <When at={group.updatedAt} />
        </span>
        {mayChange && (
          <span className="ml-auto flex gap-1">
            <Button look="quiet" isSmall onClick={() => show({ type: "add", name: group.name })}>
              <Plus size={14} aria-hidden /> Add
            </Button>
            <Button
              look="quiet"
              isSmall
              aria-label={`Delete ${group.name}`}
              onClick={() => show({ type: "delete", name: group.name })}
            >
              <Trash2 size={14} aria-hidden />
            </Button>
          </span>
        )}
      </div>
      <ul className="mt-2 divide-y divide-line">
        {group.endpoints.map((endpoint) => (
          <li key={endpoint.name ?? endpoint.url} className="flex items-center gap-3 py-1.5">
            {endpoint.name !== undefined && <span className="font-medium">{endpoint.name}</span>}
            <span className="min-w-0 break-all text-soft">{endpoint.url}</span>
            {mayChange && (
              <Button
                look="quiet"
                isSmall
                className="ml-auto"
                disabled={action.isBusy}
                aria-label={`Remove ${endpoint.name ?? endpoint.url}`}
                onClick={() => remove(endpoint)}
              >
                <Trash2 size={14} aria-hidden />
              </Button>
            )}
          </li>
        ))}
      </ul>
    </Panel>
  );
}

interface EndpointDialogProps {
  /** Empty for a new group. */
  readonly group: string;
  readonly onClose: () => void;
}

function EndpointDialog({ group, onClose }: EndpointDialogProps) {
  const action = useAction("urlGroups");
  const [groupName, setGroupName] = useState(group);
  const [name, setName] = useState("");
  const [url, setUrl] = useState("");
  const save = async () => {
    const body = { endpoints: [{ url, ...(name === "" ? {} : { name }) }] };
    const path = `${pathOf(groupName)}/endpoints`;
    if (await action.run(() => ask(path, { method: "POST", body }))) onClose();
  };
  return (
    <FormDialog
      title={group === "" ? "New URL group" : `Add to ${group}`}
      action={action}
      verb="Save"
      onSubmit={save}
      onClose={onClose}
    >
      {group === "" && (
        <Field
          label="Group"
          required
          value={groupName}
          onChange={(event) => setGroupName(event.target.value)}
          hint="Letters, digits, . _ and -"
        />
      )}
      <Field label="URL" required value={url} onChange={(event) => setUrl(event.target.value)} />
      <Field
        label="Name of the endpoint"
        value={name}
        onChange={(event) => setName(event.target.value)}
        hint="Optional"
      />
    </FormDialog>
  );
}
