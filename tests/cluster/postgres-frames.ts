/** The types of frontend messages that say what is executed, by their first byte. */
const QUERY = 0x51;
const PARSE = 0x50;
const BIND = 0x42;
const EXECUTE = 0x45;
/** Backend: what a statement has done. */
const COMMAND_COMPLETE = 0x43;

const HEADER_BYTES = 5;
/** Of messages that may be long the beginning is read: names, and the first words of a statement. */
const HEAD_BYTES_MAX = 512;
/** In the first message of a connection, which has no type: it asks for something, and the real one follows. */
const REQUEST_CODES = [80_877_103, 80_877_104];
const STARTUP_BYTES_MIN = 8;

type OnMessage = (type: number, head: Buffer) => void;

/** Cuts a stream of PostgreSQL messages into heads; bodies behind the first bytes are skipped without being kept. */
class FrameReader {
  readonly #onMessage: OnMessage;
  #rest: Buffer = Buffer.alloc(0);
  #skipped = 0;

  constructor(onMessage: OnMessage) {
    this.#onMessage = onMessage;
  }

  push(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (this.#take());
  }

  #take(): boolean {
    const dropped = Math.min(this.#skipped, this.#rest.length);
    this.#rest = this.#rest.subarray(dropped);
    this.#skipped -= dropped;
    if (this.#skipped > 0 || this.#rest.length < HEADER_BYTES) return false;
    const bodyBytes = this.#rest.readUInt32BE(1) - 4;
    const headBytes = Math.min(bodyBytes, HEAD_BYTES_MAX);
    if (this.#rest.length < HEADER_BYTES + headBytes) return false;
    const type = this.#rest[0] ?? 0;
    const head = this.#rest.subarray(HEADER_BYTES, HEADER_BYTES + headBytes);
    this.#skipped = HEADER_BYTES + bodyBytes;
    this.#onMessage(type, head);
    return true;
  }
}

/** Reads what a client sends on one connection, and says when it asks to commit, whatever way it asks in. */
export class CommitWatcher {
  readonly #frames: FrameReader;
  readonly #commitStatements = new Set<string>();
  readonly #commitPortals = new Set<string>();
  #startup: Buffer | null = Buffer.alloc(0);
  #commits = 0;

  constructor() {
    this.#frames = new FrameReader((type, head) => this.#read(type, head));
  }

  /** Commits that have been asked for so far. */
  get count(): number {
    return this.#commits;
  }

  /** How many commits the chunk asks for. */
  push(chunk: Buffer): number {
    const before = this.#commits;
    const rest = this.#startup === null ? chunk : this.#pastStartup(this.#startup, chunk);
    if (rest !== null) this.#frames.push(rest);
    return this.#commits - before;
  }

  /** Null as long as the connection has not been started up. */
  #pastStartup(before: Buffer, chunk: Buffer): Buffer | null {
    let rest = Buffer.concat([before, chunk]);
    while (rest.length >= STARTUP_BYTES_MIN && rest.length >= rest.readUInt32BE(0)) {
      const length = rest.readUInt32BE(0);
      const isRequest = REQUEST_CODES.includes(rest.readUInt32BE(4));
      rest = rest.subarray(length);
      if (isRequest) continue;
      this.#startup = null;
      return rest;
    }
    this.#startup = rest;
    return null;
  }

  #read(type: number, head: Buffer): void {
    const [first = "", second = ""] = head.toString("latin1").split("\0");
    switch (type) {
      case QUERY:
        if (isCommit(first)) this.#commits++;
        break;
      case PARSE:
        mark(this.#commitStatements, first, isCommit(second));
        break;
      case BIND:
        mark(this.#commitPortals, first, this.#commitStatements.has(second));
        break;
      case EXECUTE:
        if (this.#commitPortals.has(first)) this.#commits++;
        break;
    }
  }
}

function mark(names: Set<string>, name: string, isMarked: boolean): void {
  if (isMarked) names.add(name);
  else names.delete(name);
}

function isCommit(statement: string): boolean {
  return /(?:^|;)\s*commit\b/i.test(statement);
}

/** Reads what the server answers, and counts the commits that are done, or that became rollbacks. */
export class CommitAnswerWatcher {
  readonly #frames: FrameReader;
  #isFirst = true;
  #count = 0;

  constructor() {
    this.#frames = new FrameReader((type, head) => {
      if (type !== COMMAND_COMPLETE) return;
      const tag = head.toString("latin1");
      if (tag.startsWith("COMMIT\0") || tag.startsWith("ROLLBACK\0")) this.#count++;
    });
  }

  get count(): number {
    return this.#count;
  }

  push(chunk: Buffer): void {
    // A client that asks for encryption is answered with one byte, which is no message.
    const isRefusal = this.#isFirst && chunk.length === 1;
    this.#isFirst = false;
    if (!isRefusal) this.#frames.push(chunk);
  }
}
