import { createServer, type Server } from "node:http";

/** A request as it arrived. */
export interface Recorded {
  readonly method: string;
  /** Not decoded. */
  readonly path: string;
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What the server answers. */
export interface Canned {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Ends the connection without an answer. */
  readonly isCut?: boolean;
}

/** Keeps every request and answers what clients can read, or what a test says. */
export class RecordingServer {
  readonly requests: Recorded[] = [];
  /** What the next requests are answered, in order; `answerFor` when it is empty. */
  readonly canned: Canned[] = [];
  #server: Server | null = null;
  #port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    const server = createServer(async (incoming, outgoing) => {
      const chunks: Buffer[] = [];
      for await (const chunk of incoming) chunks.push(chunk);
      const { method = "", url = "", rawHeaders } = incoming;
      const mark = url.indexOf("?");
      const path = mark < 0 ? url : url.slice(0, mark);
      this.requests.push({
        method,
        path,
        query: mark < 0 ? "" : url.slice(mark + 1),
        headers: toRecord(rawHeaders),
        body: Buffer.concat(chunks).toString("utf8"),
      });
      const { status = 200, headers = {}, body, isCut } = this.canned.shift() ?? {};
      if (isCut === true) return incoming.socket.destroy();
      return outgoing.writeHead(status, headers).end(body ?? answerFor(method, path));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (typeof address === "object" && address !== null) this.#port = address.port;
    this.#server = server;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }
}

/** Names in lower case; values of names that came twice are joined as on the wire. */
function toRecord(rawHeaders: readonly string[]): Readonly<Record<string, string>> {
  const record: Record<string, string> = {};
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase() ?? "";
    const value = rawHeaders[index + 1] ?? "";
    record[name] = name in record ? `${record[name]}, ${value}` : value;
  }
  return record;
}

/** Something of the right shape, so that clients can do what they do with answers. */
function answerFor(method: string, path: string): string {
  if (path === "/v2/batch") return '[{"messageId":"msg_1"}]';
  const isList = /^\/v2\/(queues|schedules|topics|waiters\/[^/]+|flowControl)\/?$/.test(path);
  if (method === "GET" && isList) return "[]";
  if (method === "GET" && path.endsWith("/events")) return '{"events":[],"runs":[]}';
  if (method === "GET" && path.endsWith("dlq")) return '{"messages":[]}';
  return '{"messages":[],"events":[],"runs":[],"workflowRuns":[{}],"responses":[],"deleted":1,"cancelled":1,"cursor":""}';
}
