import { messageId } from "@reprise/protocol";
import type { StepRow } from "@reprise/server";
import type { Attempt } from "./facts.ts";

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

/** What the app knows with a delivery: a part adds to the records that its process has been sent before. */
export function deliveredList(
  { body, part }: Pick<Attempt, "body" | "part">,
  steps: readonly StepRow[],
): readonly ListItem[] {
  if (part === null) return parseList(body);
  // Written by the server; a part that begins elsewhere than it says fails the comparison that follows.
  const { from, records } = JSON.parse(body) as { from: number; records: readonly ListItem[] };
  return from === part.from ? [...steps.slice(0, from).map(toItem), ...records] : [];
}

export function parseStep(bytes: Uint8Array): WireStep {
  // Records other than the first were written by the SDK.
  return JSON.parse(Buffer.from(bytes).toString("utf8")) as WireStep;
}

/** `plan 3`, `result 3`; null for the initial payload, which has the position 0. */
export function slotName(step: StepRow): string | null {
  if (step.position === 0) return null;
  return toSlot(parseStep(step.body));
}

export function toSlot({ stepId, targetStep }: WireStep): string {
  return targetStep === undefined || stepId !== 0 ? `result ${stepId}` : `plan ${targetStep}`;
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
