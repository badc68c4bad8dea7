/**
 * One connection that an app has opened, without the protocol that it came by: the real one is a WebSocket, the simulated one two
 * lists in memory.
 */
export interface ConnectedSocket {
  /** Sends one text; the bytes are UTF-8. */
  send(text: string | Uint8Array): void;
  onText(listener: (text: Uint8Array) => void): void;
  /** Called with every sign of life that is no text. */
  onSign(listener: () => void): void;
  /** Called when everything that was buffered has gone out. */
  onDrain(listener: () => void): void;
  /** Called once; after that nothing else is. */
  onClose(listener: () => void): void;
  /** Asks for a sign of life. */
  ping(): void;
  /** Stops reading until `resume`, so that the other end has to wait. */
  pause(): void;
  resume(): void;
  /** Says goodbye, and ends the connection. */
  close(code: number, reason: string): void;
  /** Ends the connection without waiting for the other end. */
  cut(): void;
  /** Bytes that have not left this process. */
  readonly bufferedAmount: number;
}

/** Close codes of RFC 6455. */
export const CLOSE_CODE = { normal: 1000, goingAway: 1001, refused: 1008, internal: 1011 } as const;
