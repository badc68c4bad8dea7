import { connect } from "node:net";

export interface RawAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** Sends `text` as it is over a connection of its own and reads until the server closes it, or one answer is complete. */
export function sendRaw(port: number, text: string): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(text, "latin1"));
    let received = "";
    const settle = (): void => {
      socket.destroy();
      const answer = parse(received);
      if (answer === null) reject(new Error(`no complete answer: ${JSON.stringify(received)}`));
      else resolve(answer);
    };
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => {
      received += chunk;
      if (parse(received) !== null) settle();
    });
    socket.on("error", settle);
    socket.on("end", settle);
  });
}

/** Null when the answer is not complete. */
function parse(text: string): RawAnswer | null {
  const end = text.indexOf("\r\n\r\n");
  if (end === -1) return null;
  const [first = "", ...lines] = text.slice(0, end).split("\r\n");
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    }),
  );
  const body = text.slice(end + 4);
  const isComplete = Buffer.byteLength(body) >= Number(headers.get("content-length") ?? 0);
  return isComplete ? { status: Number(first.split(" ")[1]), headers, body } : null;
}
