import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { RawClient, requestOk } from "./raw-client.ts";
import { ANSWER_HEADERS, answerBody, clientHeaders } from "./wire.ts";

/** More than the deliveries that the server keeps in flight, so that no step waits for a connection of the app. */
const CONNECTIONS = 64;

/** One delivery, as far as an app without SDK looks at it. */
export interface RawDelivery {
  readonly runId: string;
  readonly messageId: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  /** The list of records, as it came or as it was fetched; or whatever else was sent. */
  readonly body: Buffer;
  /** Bytes that came over the network for this delivery. */
  readonly bytes: number;
  readonly isFetched: boolean;
  /** When its first byte was there, on the clock of `performance.now()`. */
  readonly arrivedAt: number;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** An app without SDK: it speaks the protocol with as little work as possible, so that the server is measured. */
export interface RawEndpoint {
  readonly url: string;
  /** Any request that a client or an SDK would send; the answer's body. */
  request(
    method: "GET" | "POST" | "DELETE",
    path: string,
    body?: string,
    headers?: readonly string[],
  ): Promise<string>;
  /** `POST /v2/batch`, the way in which runs start and steps are recorded. */
  batch(body: string): Promise<string>;
  /** Tells the server that the run has returned. */
  finish(runId: string): Promise<void>;
  close(): Promise<void>;
}

export interface RawEndpointOptions {
  /** Null answers as the SDK does when it has handled a delivery. */
  readonly onDelivery: (delivery: RawDelivery, endpoint: RawEndpoint) => Promise<RawAnswer | null>;
  readonly onFault: (error: unknown) => void;
}

/** Starts the app on a free port. */
export async function startRawEndpoint(
  server: { readonly url: string; readonly token: string },
  options: RawEndpointOptions,
): Promise<RawEndpoint> {
  const client = new RawClient(server.url, CONNECTIONS);
  const jsonHeaders = clientHeaders(server.token, "application/json");
  const textHeaders = clientHeaders(server.token, "text/plain;charset=UTF-8");
  const listener = createServer((request, response) => {
    const arrivedAt = performance.now();
    const handle = async () => {
      const delivery = await toDelivery(request, arrivedAt);
      const answer = await options.onDelivery(delivery, endpoint);
      response.writeHead(answer?.status ?? 200, answer?.headers ?? ANSWER_HEADERS);
      response.end(answer === null ? answerBody(delivery.runId) : (answer.body ?? ""));
    };
    handle().catch(options.onFault);
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo; // A listening TCP server has one.

  /** An empty delivery means a list that is too long to be sent. */
  async function toDelivery(request: IncomingMessage, arrivedAt: number): Promise<RawDelivery> {
    const sent = await readBytes(request);
    const runId = String(request.headers["upstash-workflow-runid"]);
    const isFetched = sent.byteLength === 0;
    const body = isFetched ? await fetchList(runId) : sent;
    const messageId = String(request.headers["upstash-message-id"]);
    const path = request.url ?? "/";
    const { headers } = request;
    const bytes = body.byteLength;
    return { runId, messageId, path, headers, body, bytes, isFetched, arrivedAt };
  }

  async function fetchList(runId: string): Promise<Buffer> {
    const path = `/v2/workflows/runs/${runId}`;
    const question = { method: "GET", path, headers: textHeaders, body: null } as const;
    return Buffer.from((await requestOk(client, question)).body, "latin1");
  }

  const endpoint: RawEndpoint = {
    url: `http://127.0.0.1:${port}`,
    request: async (method, path, body, headers = []) => {
      const given = { method, path, headers: [...jsonHeaders, ...headers], body: body ?? null };
      return (await requestOk(client, given)).body;
    },
    batch: async (body) => {
      const given = { method: "POST", path: "/v2/batch", headers: jsonHeaders, body } as const;
      return (await requestOk(client, given)).body;
    },
    finish: async (runId) => {
      const path = `/v2/workflows/runs/${runId}?cancel=false`;
      const body = '{"ok":true}';
      await requestOk(client, { method: "DELETE", path, headers: textHeaders, body });
    },
    close: async () => {
      await client.close();
      listener.close();
      listener.closeAllConnections();
    },
  };
  return endpoint;
}

/** The body of a request; one listener for each event instead of an iterator, which costs several times as much. */
function readBytes(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => resolve(chunks.length === 1 ? one(chunks) : Buffer.concat(chunks)));
    request.on("error", reject);
  });
}

function one([chunk]: readonly Buffer[]): Buffer {
  return chunk ?? Buffer.alloc(0);
}
