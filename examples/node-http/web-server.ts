// Workflow endpoints take a web `Request` and give a web `Response`; node:http has its own kinds of both. This is all
// that an app without a framework needs between the two.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";

export type Route = (
  request: Request,
  parameters: readonly string[],
) => Promise<Response> | Response;

/** Method and path, such as `POST /prices/:article`; what stands for `:article` is the first parameter. */
export type Routes = Readonly<Record<string, Route>>;

/** Results of all finished steps come with each delivery, so this bounds what a run can keep. */
const bodyBytesMax = 16 * 1024 * 1024;

export function createWebServer(routes: Routes): Server {
  const table = Object.entries(routes).map(([name, route]) => ({
    pattern: toPattern(name),
    route,
  }));
  const answer = async (incoming: IncomingMessage): Promise<Response> => {
    const body = await readBody(incoming);
    if (body === null) return Response.json({ error: "the body is too long" }, { status: 413 });
    const request = toRequest(incoming, body);
    const place = `${request.method} ${new URL(request.url).pathname}`;
    for (const { pattern, route } of table) {
      const match = pattern.exec(place);
      if (match !== null) return route(request, match.slice(1).map(decodeURIComponent));
    }
    return Response.json({ error: `there is no ${place}` }, { status: 404 });
  };
  return createServer((incoming, outgoing) => {
    answer(incoming)
      .catch((error: unknown) => {
        console.error(error);
        return Response.json({ error: "something went wrong" }, { status: 500 });
      })
      .then((response) => send(response, outgoing))
      .catch((error: unknown) => outgoing.destroy(error instanceof Error ? error : undefined));
  });
}

/** The JSON of a request. Nobody but the app's own people is expected to send one; others need a check of its shape. */
export async function readJson<T>(request: Request): Promise<T> {
  // The senders are the ones that the comment above names.
  return (await request.json()) as T;
}

function toPattern(name: string): RegExp {
  return new RegExp(`^${name.replaceAll(/:\w+/g, "([^/]+)")}$`);
}

async function readBody(incoming: IncomingMessage): Promise<Buffer<ArrayBuffer> | null> {
  const chunks: Uint8Array[] = [];
  let byteCount = 0;
  for await (const chunk of incoming) {
    byteCount += chunk.length;
    if (byteCount > bodyBytesMax) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function toRequest(incoming: IncomingMessage, body: Buffer<ArrayBuffer>): Request {
  const { method = "GET", url = "/", headersDistinct } = incoming;
  const headers = new Headers();
  for (const [name, values = []] of Object.entries(headersDistinct)) {
    for (const value of values) headers.append(name, value);
  }
  const isBodyAllowed = method !== "GET" && method !== "HEAD";
  return new Request(new URL(url, `http://${incoming.headers.host ?? "127.0.0.1"}`), {
    method,
    headers,
    ...(isBodyAllowed ? { body } : {}),
  });
}

async function send(response: Response, outgoing: ServerResponse): Promise<void> {
  const body = Buffer.from(await response.arrayBuffer());
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  outgoing.end(body);
}
