// How far a long command is: on a terminal one line that changes, else nothing but what is noted.

import { note, type Terminal } from "./terminal.ts";

export interface Progress {
  show(text: string): void;
  /** Takes the line away. */
  end(): void;
}

const CLEAR_LINE = "\r\u001b[K";
/** Standard error that goes into a file gets a line so often, at most. */
const NOTE_EVERY_MS = 10_000;

export function startProgress(terminal: Terminal): Progress {
  let isShown = false;
  let notedAt = terminal.now();
  return {
    show: (text) => {
      if (terminal.isInteractive) {
        isShown = true;
        terminal.writeError(`${CLEAR_LINE}${text}`);
      } else if (terminal.now() - notedAt >= NOTE_EVERY_MS) {
        notedAt = terminal.now();
        note(terminal, text);
      }
    },
    end: () => {
      if (isShown) terminal.writeError(CLEAR_LINE);
      isShown = false;
    },
  };
}
