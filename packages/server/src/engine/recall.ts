import type { MessageRow } from "../core/rows.ts";
import type { Effect } from "../core/transition.ts";
import type { Delivery } from "./dispatcher.ts";

/** What to take back from the dispatcher: one message, or all that have passed a gate which is paused now. */
export type Recall = Extract<Effect, { readonly type: "recall" | "recallBehind" }>;

/** Whether a recall means the delivery of this message. */
export function isRecalled(recall: Recall, message: MessageRow): boolean {
  if (recall.type === "recall") return message.key === recall.messageKey;
  const { queueName, flowControlKey } = recall;
  return (
    // The callbacks of a paused queue go on.
    (queueName !== undefined && message.queueName === queueName && message.kind === "plain") ||
    (flowControlKey !== undefined && message.flowControlKey === flowControlKey)
  );
}

/** The delivery as it is taken back: a start that only an older period has counted is not given back to the new one. */
export function takenBack(recall: Recall, delivery: Delivery): Delivery {
  const isPeriodNew = recall.type === "recallBehind" && recall.isPeriodNew === true;
  return isPeriodNew ? { ...delivery, startUntil: null } : delivery;
}
