import type { RawResponse } from "../../bench/raw-client.ts";
import type { Random } from "../random.ts";
import type { ServerLink } from "../server-link.ts";
import type { AnsweredMessage, ClientLedger, Publication } from "./client-ledger.ts";
import {
  drawWanted,
  GROUP,
  headersOf,
  type Kind,
  LIVE_MAX,
  STANDING,
  STANDING_PER_LIFE,
  type Wanted,
} from "./plan.ts";
import type { Asked, Requests } from "./requests.ts";
import type { Sink } from "./sink.ts";

export interface PublishersRoom {
  readonly link: ServerLink;
  readonly ledger: ClientLedger;
  readonly requests: Requests;
  readonly sink: Sink;
  readonly random: Random;
  /** Called when a message is known that is there to be cancelled. */
  readonly onCancelable: (messageId: string, mark: string) => void;
}

const BATCH_SIZE = 4;

/** Whoever publishes: keeps so many messages of each kind going as long as the server is up. */
export class Publishers {
  readonly #room: PublishersRoom;
  readonly #live = new Map<Kind, Set<string>>();
  #published = 0;
  #isOpen = false;

  constructor(room: PublishersRoom) {
    this.#room = room;
    room.sink.onEnd = (mark) => this.forget(mark);
  }

  /** A new life is up. */
  open(): void {
    this.#isOpen = true;
    for (const kind of STANDING) {
      for (let count = 0; count < STANDING_PER_LIFE; count++) void this.#publishOne(kind);
    }
    this.#pump();
  }

  close(): void {
    this.#isOpen = false;
  }

  /** Nothing more is to come for this mark. */
  forget(mark: string): void {
    for (const marks of this.#live.values()) marks.delete(mark);
    this.#pump();
  }

  #pump(): void {
    const { link } = this.#room;
    for (const [kind, liveMax] of LIVE_MAX) {
      const marks = this.#live.get(kind) ?? new Set<string>();
      this.#live.set(kind, marks);
      while (this.#isOpen && link.isUp && marks.size < liveMax) {
        if (kind === "batch") void this.#publishBatch(marks);
        else if (kind === "unique") void this.#publishUnique(marks);
        else void this.#publishOne(kind, marks);
      }
    }
  }

  #draw(kind: Kind, marks: Set<string> | null): Wanted {
    const wanted = drawWanted(`${kind}-${this.#published++}`, kind, this.#room.random);
    marks?.add(wanted.mark);
    return wanted;
  }

  /** Not repeated without an answer: then it is there once or not at all. */
  async #publishOne(kind: Kind, marks: Set<string> | null = null): Promise<void> {
    const { ledger, requests } = this.#room;
    const wanted = this.#draw(kind, marks);
    const publication = ledger.publishes(wanted, null, false);
    const response = await requests.ask(this.#request(wanted));
    if (response === null) {
      // The next life makes up for it: nobody is there to ask before.
      marks?.delete(wanted.mark);
      return;
    }
    this.#accept(publication, response);
    const [messageId] = publication.messageIds;
    if (kind === "canceled" && messageId !== undefined) {
      this.#room.onCancelable(messageId, wanted.mark);
    }
  }

  /** Repeated until somebody answers, and once more while that goes on, and behind it. */
  async #publishUnique(marks: Set<string>): Promise<void> {
    const { ledger, requests, random } = this.#room;
    const wanted = this.#draw("unique", marks);
    const publication = ledger.publishes(wanted, null, true);
    const { headers, ...asked } = this.#request(wanted);
    const unique = { ...asked, headers: { ...headers, "upstash-deduplication-id": wanted.mark } };
    const publish = async () => {
      const { response } = await requests.insist(unique);
      this.#accept(publication, response);
    };
    await Promise.all(random.chance(0.3) ? [publish(), publish()] : [publish()]);
    if (random.chance(0.5)) await publish();
  }

  async #publishBatch(marks: Set<string>): Promise<void> {
    const { ledger, requests, sink } = this.#room;
    const batch = `batch-${this.#published}`;
    const publications = Array.from({ length: BATCH_SIZE }, () =>
      ledger.publishes(this.#draw("batch", marks), batch, false),
    );
    const items = publications.map(({ wanted }) => ({
      destination: `${sink.url}/batch`,
      ...(wanted.queue === null ? {} : { queue: wanted.queue }),
      headers: headersOf(wanted, sink.url),
      body: new TextDecoder().decode(wanted.body),
    }));
    const response = await requests.ask({
      method: "POST",
      path: "/v2/batch",
      body: JSON.stringify(items),
    });
    if (response === null) {
      for (const { wanted } of publications) marks.delete(wanted.mark);
      return;
    }
    if (!this.#isAccepted(response, batch)) return;
    const answers = JSON.parse(response.body) as readonly WireAnswer[]; // The form of the wire.
    publications.forEach((publication, index) => {
      const answer = answers[index];
      ledger.accepts(publication, answer === undefined ? [] : [toAnswered(answer)]);
    });
  }

  #request(wanted: Wanted): Asked {
    const { sink } = this.#room;
    const { kind, queue, body } = wanted;
    const destination = kind === "group" ? GROUP : `${sink.url}/${kind}`;
    const route = queue === null ? "/v2/publish" : `/v2/enqueue/${queue}`;
    return {
      method: "POST",
      path: `${route}/${destination}`,
      headers: headersOf(wanted, sink.url),
      body,
    };
  }

  #accept(publication: Publication, response: RawResponse): void {
    if (!this.#isAccepted(response, publication.wanted.mark)) return;
    const parsed = JSON.parse(response.body) as WireAnswer | readonly WireAnswer[]; // The form of the wire.
    const answers = "messageId" in parsed ? [parsed] : parsed;
    this.#room.ledger.accepts(publication, answers.map(toAnswered));
  }

  #isAccepted({ status, body }: RawResponse, name: string): boolean {
    if (status < 300) return true;
    this.#room.ledger.fault(`publish of ${name}: ${status} ${body}`);
    return false;
  }
}

interface WireAnswer {
  readonly messageId: string;
  readonly deduplicated?: boolean;
}

function toAnswered({ messageId, deduplicated }: WireAnswer): AnsweredMessage {
  return { messageId, isDuplicate: deduplicated === true };
}
