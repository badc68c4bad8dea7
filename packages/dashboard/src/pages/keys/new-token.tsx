import type { NewTokenResource } from "@reprise/protocol";
import { useState } from "react";
import { ask } from "../../api/client.ts";
import { useAction } from "../../api/use-action.ts";
import { Button } from "../../parts/button.tsx";
import { Copy } from "../../parts/copy.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { Choice, Field } from "../../parts/field.tsx";
import { FormDialog } from "../../parts/form-dialog.tsx";

interface NewTokenProps {
  readonly onMade: () => void;
  readonly onClose: () => void;
}

const SCOPES = [
  ["read-only", "read-only: sees everything, changes nothing"],
  ["publish-only", "publish-only: for apps that send messages and run workflows"],
  ["full", "full: may do everything"],
] as const;

export function NewToken({ onMade, onClose }: NewTokenProps) {
  const action = useAction();
  const [name, setName] = useState("");
  const [scope, setScope] = useState("read-only");
  const [made, setMade] = useState<NewTokenResource | null>(null);
  const make = async () => {
    await action.run(async () => {
      setMade(await ask<NewTokenResource>("/v2/tokens", { method: "POST", body: { name, scope } }));
      onMade();
    });
  };
  if (made !== null) {
    return (
      <Dialog
        isOpen
        onClose={onClose}
        title={`The token ${made.name}`}
        description="This is the only time that it is shown."
      >
        <p className="flex items-center gap-2 rounded-md border border-line bg-ground p-3">
          <code className="font-mono text-xs break-all">{made.token}</code>
          <Copy text={made.token} label="the token" />
        </p>
        <div className="mt-4 text-right">
          <Button onClick={onClose}>Close</Button>
        </div>
      </Dialog>
    );
  }
  return (
    <FormDialog title="New token" action={action} verb="Make" onSubmit={make} onClose={onClose}>
      <Field
        label="Name"
        required
        value={name}
        onChange={(event) => setName(event.target.value)}
        hint="Who will use it"
      />
      <Choice label="Scope" value={scope} choices={SCOPES} onChoose={setScope} />
    </FormDialog>
  );
}
