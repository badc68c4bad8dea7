import type { ConnectedSocket } from "./socket.ts";

/** Two ends of a connection in memory. Nothing arrives before somebody moves it, and what is cut arrives never. */
export interface MemoryWire {
  readonly server: ConnectedSocket;
  readonly app: AppEnd;
  /** Moves one frame towards the app, or towards the server; false when there is none. */
  moveDown(): boolean;
  moveUp(): boolean;
  /** Both ends are gone, with everything that was on its way. */
  cut(): void;
  readonly isCut: boolean;
}

export interface AppEnd {
  send(text: string): void;
  onText(listener: (text: string) => void): void;
  onClose(listener: () => void): void;
}

export function openWire(): MemoryWire {
  const down: string[] = [];
  const up: string[] = [];
  const closers: (() => void)[] = [];
  let toApp: (text: string) => void = () => {};
  let toServer: (text: Uint8Array) => void = () => {};
  let isCut = false;
  const cut = () => {
    if (isCut) return;
    isCut = true;
    for (const close of closers) close();
  };
  const move = (frames: string[], deliver: (frame: string) => void) => {
    const frame = isCut ? undefined : frames.shift();
    if (frame !== undefined) deliver(frame);
    return frame !== undefined;
  };
  return {
    server: {
      send: (text) => {
        down.push(typeof text === "string" ? text : Buffer.from(text).toString());
      },
      onText: (listener) => {
        toServer = listener;
      },
      onSign: () => {},
      onDrain: () => {},
      onClose: (listener) => closers.push(listener),
      ping: () => {},
      pause: () => {},
      resume: () => {},
      close: cut,
      cut,
      bufferedAmount: 0,
    },
    app: {
      send: (text) => up.push(text),
      onText: (listener) => {
        toApp = listener;
      },
      onClose: (listener) => closers.push(listener),
    },
    moveDown: () => move(down, (frame) => toApp(frame)),
    moveUp: () => move(up, (frame) => toServer(Buffer.from(frame))),
    cut,
    get isCut() {
      return isCut;
    },
  };
}
