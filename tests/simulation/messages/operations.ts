import type { Act } from "./acts.ts";
import type { SinkLedger } from "./sink-ledger.ts";
import type { Wanted } from "./wanted.ts";

/** One request of a client, and what became of it as seen from outside. */
export interface Operation {
  readonly number: number;
  readonly act: Act;
  /** When it arrived at the server; null when it never did. */
  askedAt: number | null;
  /** Place in the order of all arrivals and answers. */
  askedTurn: number;
  /** When the server had made its answer; null when it died before that. */
  answeredAt: number | null;
  answeredTurn: number;
  status: number | null;
  answer: unknown;
  isOver: boolean;
}

/** A message that the server has told somebody the id of. */
export interface Promised {
  readonly messageId: string;
  readonly url: string | null;
  readonly isDuplicate: boolean;
  /** Null for the retry of a dead message. */
  readonly wanted: Wanted | null;
  readonly operation: Operation;
  /** Place among the messages of one operation. */
  readonly index: number;
}

export function isAccepted({ status }: Operation): boolean {
  return status !== null && status >= 200 && status < 300;
}

/** Nobody knows whether it has been done. */
export function isAmbiguous({ askedAt, status }: Operation): boolean {
  return askedAt !== null && (status === null || status >= 500);
}

export function mayBeDone(operation: Operation): boolean {
  return (
    operation.askedAt !== null &&
    (operation.status === null || operation.status < 400 || operation.status >= 500)
  );
}

/** The clients' own record of everything that they asked for. */
export class Operations {
  readonly all: Operation[] = [];
  readonly #promised = new Map<string, Promised>();
  readonly #promisedList: Promised[] = [];
  #turn = 0;

  add(act: Act): Operation {
    const operation: Operation = {
      number: this.all.length + 1,
      act,
      askedAt: null,
      askedTurn: 0,
      answeredAt: null,
      answeredTurn: 0,
      status: null,
      answer: null,
      isOver: false,
    };
    this.all.push(operation);
    return operation;
  }

  ask(operation: Operation, now: number): void {
    this.#turn += 1;
    operation.askedAt = now;
    operation.askedTurn = this.#turn;
  }

  answer(
    operation: Operation,
    {
      status,
      answer,
      now,
    }: { readonly status: number; readonly answer: unknown; readonly now: number },
  ): void {
    this.#turn += 1;
    operation.answeredAt = now;
    operation.answeredTurn = this.#turn;
    operation.status = status;
    operation.answer = answer;
    if (!isAccepted(operation)) return;
    for (const promised of readPromises(operation)) {
      this.#promisedList.push(promised);
      if (!this.#promised.has(promised.messageId)) {
        this.#promised.set(promised.messageId, promised);
      }
    }
  }

  /** Every id that was told, in order; duplicates are told again. */
  get promises(): readonly Promised[] {
    return this.#promisedList;
  }

  /** How this id was told for the first time. */
  promise(messageId: string): Promised | null {
    return this.#promised.get(messageId) ?? null;
  }

  get turn(): number {
    return this.#turn;
  }

  of<T extends Act["type"]>(
    type: T,
  ): readonly (Operation & { readonly act: Act & { readonly type: T } })[] {
    return this.all.filter(
      (operation): operation is Operation & { readonly act: Act & { readonly type: T } } =>
        operation.act.type === type,
    );
  }

  /** Whether somebody has asked for something that ends this message. */
  mayBeCancelled(messageId: string, wanted: Wanted | null): boolean {
    return this.all.some(
      (operation) => mayBeDone(operation) && cancels(operation.act, messageId, wanted),
    );
  }
}

function cancels(act: Act, messageId: string, wanted: Wanted | null): boolean {
  switch (act.type) {
    case "cancel":
      return act.messageId === messageId;
    case "cancelMany":
      return act.messageIds.includes(messageId);
    case "cancelLabel":
      return wanted?.label === act.label;
    case "deleteQueue":
      return wanted?.queue === act.queue;
    default:
      return false;
  }
}

/** What the client asked for with the message, or with the message that this one reports about. */
export function wantedOf(
  messageId: string,
  sinks: SinkLedger,
  wanteds: ReadonlyMap<string, Wanted>,
): Wanted | null {
  const story = sinks.story(messageId);
  if (story === null) return null;
  if (story.ticket !== null) return wanteds.get(story.ticket) ?? null;
  return story.report === null ? null : wantedOf(story.report.sourceMessageId, sinks, wanteds);
}

interface WireMessage {
  readonly messageId?: string;
  readonly url?: string;
  readonly deduplicated?: boolean;
}

function readPromises(operation: Operation): readonly Promised[] {
  const { act, answer } = operation;
  switch (act.type) {
    case "publish":
      return toPromises(answer, { wanted: act.wanted, operation, index: 0 });
    case "batch":
      // An answer of another form has no ids, and the checkers miss them.
      return (answer as readonly unknown[]).flatMap((item, index) =>
        toPromises(item, { wanted: act.wanteds[index] ?? null, operation, index }),
      );
    case "retryDead": {
      // As above.
      const { responses } = answer as { readonly responses: readonly unknown[] };
      return responses.flatMap((item, index) =>
        toPromises(item, { wanted: null, operation, index }),
      );
    }
    default:
      return [];
  }
}

function toPromises(
  item: unknown,
  rest: Pick<Promised, "wanted" | "operation" | "index">,
): readonly Promised[] {
  // What lacks an id is left out.
  const list = (Array.isArray(item) ? item : [item]) as readonly WireMessage[];
  return list.flatMap(({ messageId, url, deduplicated }) =>
    messageId === undefined
      ? []
      : [{ ...rest, messageId, url: url ?? null, isDuplicate: deduplicated === true }],
  );
}
