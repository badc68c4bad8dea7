import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { connect } from "node:net";

/** An app on the loopback interface: the other side of real HTTP. */
export interface HttpApp {
  readonly url: string;
  /** Deliveries in order of arrival. */
  readonly deliveries: readonly Delivered[];
  /** Resolves when so many deliveries have come. */
  arrived(count: number): Promise<readonly Delivered[]>;
  close(): Promise<void>;
}

export interface Delivered {
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
  /** Answers as a workflow endpoint does. */
  readonly answer: (
    status?: number,
    body?: string,
    headers?: Readonly<Record<string, string>>,
  ) => void;
}

export async function openHttpApp(): Promise<HttpApp> {
  const deliveries: Delivered[] = [];
  const waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  const server = createServer((request, response) => {
    const take = (body: string): void => {
      deliveries.push({ headers: request.headers, body, answer: answerOf(response) });
      for (const { count, resolve } of waiting) if (deliveries.length >= count) resolve();
    };
    // One that a server breaks off while it comes, because it stops, has not arrived.
    readText(request).then(take, () => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // A server that listens on a port has an address of this form.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/api/order`,
    deliveries,
    arrived: async (count) => {
      if (deliveries.length < count) {
        await new Promise<void>((resolve) => waiting.push({ count, resolve }));
      }
      return deliveries;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answerOf(response: ServerResponse): Delivered["answer"] {
  return (status = 200, body = "{}", headers = {}) => {
    response.writeHead(status, { "upstash-workflow-sdk-version": "1", ...headers });
    response.end(body);
  };
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** Sends bytes over a connection of their own and gives what comes back until the other side closes it. */
export function sendRaw(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1" });
    let received = "";
    socket.setEncoding("latin1");
    socket.on("data", (chunk) => {
      received += chunk;
    });
    // A server that refuses early may reset what it has not read; the answer has come before that.
    socket.on("error", (error) => (received === "" ? reject(error) : resolve(received)));
    socket.on("close", () => resolve(received));
    socket.write(text, "latin1");
  });
}
