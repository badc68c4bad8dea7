import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { Pool } from "undici";
import { answerParent } from "./measured-process.ts";

/** As many deliveries in flight as the real server keeps. */
const CONNECTIONS = 50;

interface Item {
  readonly destination: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * The measured process that shows the ceiling: the same exchange over the same libraries, with nothing behind it but a map.
 * It checks nothing, signs nothing and keeps nothing.
 */
export async function serveBare(): Promise<void> {
  const lists = new Map<string, string>();
  const pools = new Map<string, Pool>();
  let messages = 0;

  const listener = createServer(async (request, response) => {
    const text = await readText(request);
    if (request.method === "DELETE") {
      lists.delete(runIdOf(request.url ?? ""));
      response.writeHead(200).end();
      return;
    }
    const items = JSON.parse(text) as readonly Item[]; // The app is this very program.
    const deliveries = items.map(accept);
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify(deliveries.map(({ messageId }) => ({ messageId }))));
    for (const { url, headers, list } of deliveries) deliver(url, headers, `[${list}]`);
  });

  function accept({ destination: url, headers, body }: Item) {
    const messageId = `msg_${(messages++).toString(36)}`;
    const runId = headers["upstash-workflow-runid"] ?? "";
    const encoded = Buffer.from(body).toString("base64");
    const record = `{"messageId":"${messageId}","body":"${encoded}","callType":"step"}`;
    const before = lists.get(runId);
    const list = before === undefined ? record : `${before},${record}`;
    lists.set(runId, list);
    return { url, messageId, list, headers: deliveryHeaders(runId, messageId, url) };
  }

  function deliver(url: string, headers: string[], body: string): void {
    const { origin, pathname: path } = new URL(url);
    let pool = pools.get(origin);
    if (pool === undefined) {
      pool = new Pool(origin, { connections: CONNECTIONS, pipelining: 1 });
      pools.set(origin, pool);
    }
    pool.dispatch({ path, method: "POST", headers, body }, silent);
  }

  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo; // A listening TCP server has one.
  const close = async () => {
    listener.close();
    listener.closeAllConnections();
    await Promise.all(Array.from(pools.values(), (pool) => pool.destroy()));
  };
  answerParent({ url: `http://127.0.0.1:${port}`, token: "none" }, { close });
}

/** What the app answers changes nothing here; an error shows in the app, whose run then stands still. */
const silent = {
  onRequestStart: () => {},
  onResponseStart: () => {},
  onResponseData: () => {},
  onResponseEnd: () => {},
  onResponseError: () => {},
};

/** Headers of the same number and size as those of the real server. */
function deliveryHeaders(runId: string, messageId: string, url: string): string[] {
  return [
    ...["user-agent", "Upstash-QStash", "upstash-workflow-sdk-version", "1"],
    ...["content-type", "application/json", "upstash-workflow-runid", runId],
    ...["upstash-workflow-createdat", "1700000000000", "upstash-workflow-url", url],
    ...["upstash-workflow-init", "false", "upstash-message-id", messageId],
    ...["upstash-retried", "0", "upstash-caller-ip", "127.0.0.1", "x-forwarded-proto", "http"],
    ...["upstash-signature", "s".repeat(350)],
  ];
}

function runIdOf(target: string): string {
  return target.slice(target.lastIndexOf("/") + 1, target.indexOf("?"));
}

function readText(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    request.setEncoding("utf8");
    request.on("data", (chunk: string) => {
      text += chunk;
    });
    request.on("end", () => resolve(text));
    request.on("error", reject);
  });
}
