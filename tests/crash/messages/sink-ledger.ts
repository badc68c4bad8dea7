/** One request that a destination received, as the destination wrote it down. */
export interface Attempt {
  readonly messageId: string;
  readonly mark: string;
  readonly path: string;
  /** `Upstash-Retried`. */
  readonly retried: number;
  readonly retries: number;
  readonly scheduleId: string | null;
  /** The life of the server that made it. */
  readonly life: number;
  readonly arrivedAt: number;
  /** Null when the connection broke before the body was there. */
  bodyHash: string | null;
  report: Report | null;
  /** Null until it is answered; it stays so when the connection broke before. */
  answer: Answer | null;
  /** When the destination was done with it, whoever was still listening. */
  doneAt: number | null;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly at: number;
}

/** What a callback says about its source. */
export interface Report {
  readonly sourceMessageId: string;
  readonly retried: number;
  readonly status: number;
  readonly body: string;
  readonly dlqId: string | null;
}

export interface Life {
  readonly beganAt: number;
  /** Infinite while it lasts. */
  endedAt: number;
}

/** The destinations' own record of everything that reached them. */
export class SinkLedger {
  readonly attempts: Attempt[] = [];
  /** By message id, in order of arrival. */
  readonly stories = new Map<string, Attempt[]>();
  /** By number. */
  readonly lives = new Map<number, Life>();

  begins(life: number): void {
    this.lives.set(life, { beganAt: Date.now(), endedAt: Infinity });
  }

  ends(life: number): void {
    const known = this.lives.get(life);
    if (known !== undefined) known.endedAt = Date.now();
  }

  add(attempt: Attempt): void {
    this.attempts.push(attempt);
    const story = this.stories.get(attempt.messageId);
    if (story === undefined) this.stories.set(attempt.messageId, [attempt]);
    else story.push(attempt);
  }

  /** When it was there, at the latest: a request can be read after the death of its sender. */
  arrivalOf({ arrivedAt, life }: Attempt): number {
    return Math.min(arrivedAt, this.lives.get(life)?.endedAt ?? Infinity);
  }

  /** When its connection was over: answered, or broken with its process. */
  endOf({ answer, life }: Attempt): number {
    return Math.min(answer?.at ?? Infinity, this.lives.get(life)?.endedAt ?? Infinity);
  }
}
