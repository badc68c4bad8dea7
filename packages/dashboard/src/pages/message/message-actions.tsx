import { Ban, Send } from "lucide-react";
import { useState } from "react";
import { ask } from "../../api/client.ts";
import { useAction } from "../../api/use-action.ts";
import { Button } from "../../parts/button.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { Fault } from "../../parts/page.tsx";
import type { ShownMessage } from "./page.tsx";

/** What can be done with a message that has not ended. */
export function MessageActions({ message }: { readonly message: ShownMessage }) {
  const { messageId, state } = message;
  const retry = useAction("messages", "logs");
  const cancel = useAction("messages", "logs");
  const [isAsking, setAsking] = useState(false);
  if (state === undefined || state === "CANCEL_REQUESTED") return null;
  const path = `/v2/messages/${encodeURIComponent(messageId)}`;
  return (
    <>
      {retry.error !== null && <Fault error={retry.error} />}
      {state === "SCHEDULED" && (
        <Button
          disabled={retry.isBusy}
          onClick={() => void retry.run(() => ask(`${path}/retry`, { method: "POST" }))}
        >
          <Send size={14} aria-hidden />
          Send now
        </Button>
      )}
      <Button look="danger" onClick={() => setAsking(true)}>
        <Ban size={14} aria-hidden />
        Cancel
      </Button>
      <Confirm
        isOpen={isAsking}
        onClose={() => setAsking(false)}
        title="Cancel this message?"
        verb="Cancel the message"
        action={cancel}
        work={() => ask(path, { method: "DELETE" })}
      >
        It will not be delivered any more. An attempt that is under way is the last one.
      </Confirm>
    </>
  );
}
