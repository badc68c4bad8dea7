import { FOUND_KINDS, type FoundKind } from "./values.ts";

/** Ids that answers have shown: later requests name them, so that they reach what exists. */
export class Finds {
  readonly #found = new Map<FoundKind, string[]>(FOUND_KINDS.map((kind) => [kind, []]));

  /** Looks through the body of an answer. */
  read(body: string): void {
    for (const [, field = "", value = ""] of body.matchAll(FIELD)) {
      const list = this.#found.get(KIND_OF[field] ?? "messageId");
      if (list === undefined || list.includes(value)) continue;
      list.push(value);
      if (list.length > KEPT_MAX) list.shift();
    }
  }

  /** Puts ids in the places that `text` keeps for them. */
  fill(text: string): string {
    if (!text.includes("{")) return text;
    return text.replaceAll(PLACE, (place, kind: FoundKind, index: string) => {
      const list = this.#found.get(kind) ?? [];
      return list.length === 0 ? place : (list[Number(index) % list.length] ?? place);
    });
  }
}

const KEPT_MAX = 100;
const FIELD = /"(messageId|dlqId|scheduleId|actionId|cursor|workflowRunId)":"([^"\\]{1,200})"/g;
const KIND_OF: Readonly<Record<string, FoundKind>> = {
  messageId: "messageId",
  dlqId: "dlqId",
  scheduleId: "scheduleId",
  actionId: "actionId",
  cursor: "cursor",
  workflowRunId: "runId",
};
const PLACE = new RegExp(`\\{(${FOUND_KINDS.join("|")}):(\\d+)\\}`, "g");
