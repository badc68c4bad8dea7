import type { FormEvent, ReactNode } from "react";
import type { Action } from "../api/use-action.ts";
import { Button } from "./button.tsx";
import { Dialog } from "./dialog.tsx";
import { Fault } from "./page.tsx";

interface FormDialogProps {
  readonly title: string;
  readonly description?: string;
  /** Two columns where there is room. */
  readonly isWide?: boolean;
  readonly action: Action;
  /** What the button says that sends: the verb. */
  readonly verb: string;
  /** What the button says that does not. */
  readonly leave?: string;
  readonly onSubmit: () => Promise<void>;
  readonly onClose: () => void;
  /** The fields. */
  readonly children: ReactNode;
  /** Another button, away from those two. */
  readonly aside?: ReactNode;
}

/** A form in a dialog. What the server refuses stays on the screen with its reason, and with all that was typed. */
export function FormDialog(props: FormDialogProps) {
  const { action, verb, leave = "Leave", onSubmit, children, aside, ...dialog } = props;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void onSubmit();
  };
  return (
    <Dialog isOpen {...dialog}>
      <form
        onSubmit={submit}
        className={`grid gap-4 ${dialog.isWide === true ? "sm:grid-cols-2" : ""}`}
      >
        {children}
        <div className="col-span-full grid gap-4">
          {action.error !== null && <Fault error={action.error} />}
          <div className="flex justify-end gap-2">
            {aside !== undefined && <span className="mr-auto">{aside}</span>}
            <Button onClick={dialog.onClose}>{leave}</Button>
            <Button look="primary" type="submit" disabled={action.isBusy}>
              {verb}
            </Button>
          </div>
        </div>
      </form>
    </Dialog>
  );
}
