import type { RunningServer } from "./main.ts";

/** An app at the other end of a real connection, which says exactly what a test tells it to. */
export interface RawApp {
  /** Everything that the server has said, in order. */
  readonly heard: readonly Heard[];
  /** Frames in which it has come. */
  readonly frames: readonly string[];
  /** The next message that nobody has asked for yet. */
  next(): Promise<Heard>;
  /** The next message with this field; those in front of it are passed over. */
  nextWith(field: string): Promise<Heard>;
  say(message: object, ...lines: readonly string[]): void;
  /** Sends bytes as they are. */
  sendRaw(frame: string | Uint8Array<ArrayBuffer>): void;
  /** Ends without a goodbye, as a process that is killed does. */
  close(): void;
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
}

/** A message with the lines behind it; the fields of all messages together. */
export interface Heard {
  readonly welcome?: { readonly connection: string };
  readonly deliver?: number;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly encoding?: string;
  readonly ack?: number;
  readonly hold?: number;
  readonly retries?: number;
  readonly stop?: boolean;
  readonly reason?: string;
  readonly status?: number;
  readonly abort?: number;
  readonly drain?: boolean;
  readonly error?: { readonly code: string; readonly message: string };
  readonly lines?: number;
  /** The lines behind the message, joined. */
  readonly body: string;
}

export interface HelloOptions {
  readonly app?: string;
  readonly token?: string;
  readonly parallelism?: number;
}

export async function openSocket(server: Pick<RunningServer, "port">): Promise<RawApp> {
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/v2/connect`);
  const heard: Heard[] = [];
  const frames: string[] = [];
  const waiting: (() => void)[] = [];
  let taken = 0;
  socket.addEventListener("message", ({ data }) => {
    frames.push(String(data));
    heard.push(...parse(String(data)));
    for (const resolve of waiting.splice(0)) resolve();
  });
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.addEventListener("close", ({ code, reason }) => {
      resolve({ code, reason });
      for (const wake of waiting.splice(0)) wake();
    });
  });
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve());
    socket.addEventListener("error", () => reject(new Error("the connection was refused")));
  });
  const next = async (): Promise<Heard> => {
    for (;;) {
      const message = heard[taken];
      if (message !== undefined) {
        taken++;
        return message;
      }
      if (socket.readyState === WebSocket.CLOSED) throw new Error("the connection is closed");
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
  };
  return {
    heard,
    frames,
    next,
    nextWith: async (field) => {
      for (;;) {
        const message = await next();
        if (field in message) return message;
      }
    },
    say: (message, ...lines) => socket.send([JSON.stringify(message), ...lines].join("\n")),
    sendRaw: (frame) => socket.send(frame),
    close: () => socket.close(),
    closed,
  };
}

/** An app that has been welcomed. */
export async function openApp(server: RunningServer, hello: HelloOptions = {}): Promise<RawApp> {
  const app = await openSocket(server);
  app.say({ hello: { token: server.token, app: "shop", parallelism: 10, ...hello } });
  await app.nextWith("welcome");
  return app;
}

function parse(frame: string): readonly Heard[] {
  const lines = frame.split("\n");
  const heard: Heard[] = [];
  for (let at = 0; at < lines.length; ) {
    const head = JSON.parse(lines[at] ?? "");
    const count = head.lines ?? 0;
    heard.push({ ...head, body: lines.slice(at + 1, at + 1 + count).join("\n") });
    at += 1 + count;
  }
  return heard;
}
