import type { Action } from "../api/use-action.ts";
import { Button } from "./button.tsx";
import { Fault } from "./page.tsx";

interface FormEndProps {
  readonly action: Action;
  /** What the button says: the verb. */
  readonly verb: string;
  readonly onClose: () => void;
}

/** The end of a form in a dialog: what the server said, the way out, and the button that sends. */
export function FormEnd({ action, verb, onClose }: FormEndProps) {
  return (
    <>
      {action.error !== null && <Fault error={action.error} />}
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>Leave</Button>
        <Button look="primary" type="submit" disabled={action.isBusy}>
          {verb}
        </Button>
      </div>
    </>
  );
}
