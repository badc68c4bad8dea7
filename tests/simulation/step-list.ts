import { messageId } from "@reprise/protocol";
import type { StepRow } from "@reprise/server";

/** One record as a delivery carries it. */
export interface ListItem {
  readonly messageId: string;
  /** Base64. */
  readonly body: string;
  readonly callType: string;
}

/** What the app submits for a step, as far as the checkers read it. */
export interface WireStep {
  readonly stepId: number;
  readonly targetStep?: number;
  readonly stepName: string;
  readonly stepType: string;
  readonly concurrent: number;
  readonly out?: string;
  readonly waitEventId?: string;
  readonly waitTimeout?: boolean;
}

export function parseList(body: string): readonly ListItem[] {
  // A text that is no list fails the comparison that follows.
  return JSON.parse(body) as readonly ListItem[];
}

export function parseStep(bytes: Uint8Array): WireStep {
  // Records other than the first were written by the SDK.
  return JSON.parse(Buffer.from(bytes).toString("utf8")) as WireStep;
}

/** `plan 3`, `result 3`; null for the initial payload, which has the position 0. */
export function slotName(step: StepRow): string | null {
  if (step.position === 0) return null;
  const record = parseStep(step.body);
  return record.targetStep === undefined || record.stepId !== 0
    ? `result ${record.stepId}`
    : `plan ${record.targetStep}`;
}

const texts = new WeakMap<Uint8Array, string>();

/** The item that a delivery must carry for this record. */
export function toItem(step: StepRow): ListItem {
  const body = texts.get(step.body) ?? Buffer.from(step.body).toString("base64");
  texts.set(step.body, body);
  return { messageId: messageId(step.key), body, callType: step.callType };
}

/** Where `list` differs from the records up to `position`; null when it is exactly these. */
export function listFault(
  list: readonly ListItem[],
  records: readonly StepRow[],
  position: number,
): string | null {
  if (list.length !== position + 1) {
    return `has ${list.length} records, ${position + 1} were expected`;
  }
  for (const [index, item] of list.entries()) {
    const record = records[index];
    if (record === undefined) return `has a record at ${index} that is not on disk`;
    const expected = toItem(record);
    if (item.messageId !== expected.messageId || item.body !== expected.body) {
      return `has ${item.messageId} at ${index} with another id or body than ${expected.messageId}`;
    }
  }
  return null;
}
