import { decideAdvanceBulkAction, decideStartBulkAction } from "../core/bulk-action.ts";
import type { Handlers } from "./handlers.ts";

/** Loads and asks for what concerns bulk actions. */
export const bulkActionHandlers: Handlers = {
  startBulkAction: {
    want: () => {},
    keysNeeded: () => 1,
    decide: (command, { context }) => decideStartBulkAction(command, context),
  },
  advanceBulkAction: {
    want(command, wants) {
      wants.bulkActions.add(command.actionKey);
      for (const key of command.messageKeys) wants.messages.add(key);
    },
    keysNeeded: () => 0,
    decide(command, { work, context }) {
      const action = work.get("bulkActions", command.actionKey);
      const messages = command.messageKeys.map((key) => work.get("messages", key));
      return decideAdvanceBulkAction({ action, messages }, command, context);
    },
  },
};
