/** The two headers of docs/fast-modes.md: what the server offers with a delivery, and what the app answers. */

export interface Offer {
  /** Names the message that this invocation holds. */
  readonly hold: string;
  /** Retries of the message; null when the server does not say. */
  readonly retries: number | null;
  /** Position from which the body has the list; 0 for all of it. */
  readonly from: number;
  /** Process that the body is meant for, when it is a part. */
  readonly warm: string | null;
}

/** Null when nothing is offered, or only what this SDK does not know. */
export function parseOffer(text: string | null): Offer | null {
  if (text === null) return null;
  const fields = new Map<string, string>();
  for (const part of text.split(";")) {
    const [name = "", value = ""] = part.split("=", 2);
    fields.set(name.trim(), value.trim());
  }
  const hold = fields.get("hold");
  if (fields.get("v") !== "1" || hold === undefined) return null;
  const retries = fields.get("retries");
  return {
    hold,
    retries: retries === undefined ? null : Number(retries),
    from: Number(fields.get("from") ?? 0),
    warm: fields.get("warm") ?? null,
  };
}

export interface AnswerFields {
  /** Retries of the step that has failed. */
  readonly retries?: number | undefined;
  /** The process that keeps the function, and how many records it knows. */
  readonly warm?: { readonly process: string; readonly known: number } | undefined;
  readonly needsHistory?: boolean;
  /** The message that the invocation holds, and its lease. */
  readonly holds?: string | undefined;
}

export function answerHeader({ retries, warm, needsHistory, holds }: AnswerFields): string {
  return [
    "v=1",
    ...(retries === undefined ? [] : [`retries=${retries}`]),
    ...(warm === undefined ? [] : [`warm=${warm.process}`, `known=${warm.known}`]),
    ...(needsHistory === true ? ["need=history"] : []),
    ...(holds === undefined ? [] : [`holds=${holds}`]),
  ].join("; ");
}
