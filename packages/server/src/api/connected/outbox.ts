import { toFrame } from "./frames.ts";

/** Frames are about so long at most, but for single messages that are longer. */
const FRAME_CHARS_MAX = 1024 * 1024;

/** Gathers what is said in one turn of the event loop, so that it goes out as one frame: a system call costs more than a message. */
export class Outbox {
  readonly #send: (frame: string | Uint8Array) => void;
  #parts: (string | Uint8Array)[] = [];
  #chars = 0;

  constructor(send: (frame: string | Uint8Array) => void) {
    this.#send = send;
  }

  /** The parts of one message, with its lines. */
  put(...parts: readonly (string | Uint8Array)[]): void {
    if (this.#parts.length === 0) queueMicrotask(() => this.flush());
    for (const part of parts) {
      this.#parts.push(part);
      this.#chars += part.length;
    }
    if (this.#chars > FRAME_CHARS_MAX) this.flush();
  }

  flush(): void {
    if (this.#parts.length === 0) return;
    const frame = toFrame(this.#parts);
    this.clear();
    this.#send(frame);
  }

  clear(): void {
    this.#parts = [];
    this.#chars = 0;
  }
}
