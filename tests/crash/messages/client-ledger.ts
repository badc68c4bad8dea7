import type { Wanted } from "./plan.ts";

/** What was published, once or, under a deduplication id, several times. */
export interface Publication {
  readonly wanted: Wanted;
  /** Names the batch that it was part of: of that all is accepted or nothing. */
  readonly batch: string | null;
  readonly isUnique: boolean;
  readonly sentAt: number;
  /** Of the first answer; null while there is none. */
  answeredAt: number | null;
  readonly messageIds: Set<string>;
  /** Answers, of which all but one must have been duplicates. */
  answers: number;
  duplicates: number;
}

export interface Cancel {
  readonly messageId: string;
  /** The first answer 202, after which no attempt begins; null when there was none. */
  confirmedAt: number | null;
}

/** From the answer to the pause until somebody asks to resume nothing of the gate begins. */
export interface Pause {
  /** `queue:<name>` or `flow:<key>`. */
  readonly gate: string;
  readonly pausedAt: number;
  readonly life: number;
  /** Infinite when nobody ever does. */
  resumedAt: number;
  resumedLife: number;
}

export interface LetterAction {
  readonly dlqId: string;
  readonly action: "retry" | "delete";
  isConfirmed: boolean;
  /** Of a retry: the new message, when the answer arrived. */
  nextMessageId: string | null;
}

export interface Tick {
  readonly scheduleId: string;
  readonly at: number;
  /** Messages that it makes. */
  readonly count: number;
}

/** What clients asked for and heard, each for itself. */
export class ClientLedger {
  readonly faults: string[] = [];
  /** By mark. */
  readonly publications = new Map<string, Publication>();
  /** By message id. */
  readonly cancels = new Map<string, Cancel>();
  readonly pauses: Pause[] = [];
  /** By dead letter id. */
  readonly letters = new Map<string, LetterAction>();
  readonly ticks: Tick[] = [];
  /** Requests that were repeated because nobody answered. */
  repeats = 0;

  fault(text: string): void {
    this.faults.push(text);
  }

  get acceptedCount(): number {
    let count = 0;
    for (const { messageIds } of this.publications.values()) count += messageIds.size;
    return count;
  }

  publishes(wanted: Wanted, batch: string | null, isUnique: boolean): Publication {
    const publication: Publication = {
      wanted,
      batch,
      isUnique,
      sentAt: Date.now(),
      answeredAt: null,
      messageIds: new Set(),
      answers: 0,
      duplicates: 0,
    };
    this.publications.set(wanted.mark, publication);
    return publication;
  }

  accepts(publication: Publication, answered: readonly AnsweredMessage[]): void {
    const { wanted, messageIds } = publication;
    publication.answeredAt ??= Date.now();
    publication.answers++;
    if (answered.length !== wanted.count) {
      this.fault(`${wanted.mark}: ${answered.length} messages are named, not ${wanted.count}`);
    }
    if (answered.some(({ isDuplicate }) => isDuplicate)) publication.duplicates++;
    for (const { messageId } of answered) messageIds.add(messageId);
  }
}

export interface AnsweredMessage {
  readonly messageId: string;
  readonly isDuplicate: boolean;
}
