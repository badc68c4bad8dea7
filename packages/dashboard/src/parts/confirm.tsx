import type { ReactNode } from "react";
import type { Action } from "../api/use-action.ts";
import { Button } from "./button.tsx";
import { Dialog } from "./dialog.tsx";
import { Fault } from "./page.tsx";

interface ConfirmProps {
  readonly isOpen: boolean;
  readonly onClose: () => void;
  readonly title: string;
  readonly children: ReactNode;
  /** What the button says: the verb. */
  readonly verb: string;
  readonly action: Action;
  readonly work: () => Promise<unknown>;
}

/** Asks before something is destroyed. */
export function Confirm({ isOpen, onClose, title, children, verb, action, work }: ConfirmProps) {
  const close = () => {
    action.forget();
    onClose();
  };
  const go = async () => {
    if (await action.run(work)) close();
  };
  return (
    <Dialog isOpen={isOpen} onClose={close} title={title}>
      <div className="text-soft">{children}</div>
      {action.error !== null && (
        <div className="mt-3">
          <Fault error={action.error} />
        </div>
      )}
      <div className="mt-5 flex justify-end gap-2">
        <Button onClick={close}>Keep</Button>
        <Button look="danger" disabled={action.isBusy} onClick={() => void go()}>
          {verb}
        </Button>
      </div>
    </Dialog>
  );
}
