import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Pool } from "undici";
import { answerParent } from "./measured-process.ts";
import { SENT_AT_HEADER } from "./sink-child.ts";

/** As many deliveries in flight as the real server keeps to one origin. */
const CONNECTIONS = 50;

const PREFIX = "/v2/publish/";

/**
 * The measured process that shows the ceiling of messages: it answers a publish and passes it on, with headers of the same number
 * and size, over the same libraries. It checks nothing, signs nothing and keeps nothing.
 */
export async function serveRelay(): Promise<void> {
  const pools = new Map<string, Pool>();
  let messages = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const messageId = `msg_${(messages++).toString(36)}`;
      response.writeHead(200, { "content-type": "application/json" });
      response.end(`{"messageId":"${messageId}"}`);
      if (request.headers["upstash-delay"] !== undefined) return;
      const { origin, pathname: path } = new URL((request.url ?? "").slice(PREFIX.length));
      let pool = pools.get(origin);
      if (pool === undefined) {
        pool = new Pool(origin, { connections: CONNECTIONS, pipelining: 1 });
        pools.set(origin, pool);
      }
      const sentAt = String(request.headers[`upstash-forward-${SENT_AT_HEADER}`] ?? "");
      const headers = deliveryHeaders(messageId, sentAt);
      pool.dispatch({ path, method: "POST", headers, body: Buffer.concat(chunks) }, silent);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // A listening TCP server has one.
  const close = async () => {
    server.close();
    server.closeAllConnections();
    await Promise.all(Array.from(pools.values(), (pool) => pool.destroy()));
  };
  answerParent({ url: `http://127.0.0.1:${port}`, token: "none" }, { close });
}

/** What the destination answers changes nothing here. */
const silent = {
  onRequestStart: () => {},
  onResponseStart: () => {},
  onResponseData: () => {},
  onResponseEnd: () => {},
  onResponseError: () => {},
};

function deliveryHeaders(messageId: string, sentAt: string): string[] {
  return [
    ...["user-agent", "Upstash-QStash", "content-type", "application/json"],
    ...[SENT_AT_HEADER, sentAt, "upstash-message-id", messageId],
    ...["upstash-retried", "0", "upstash-retries", "3", "upstash-caller-ip", "127.0.0.1"],
    ...["upstash-signature", "s".repeat(350)],
  ];
}
