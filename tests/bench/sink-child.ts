import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { answerParent } from "./measured-process.ts";

/** What the destination has seen since it was reset. */
export interface SinkReport {
  readonly count: number;
  /** Milliseconds from the publisher's send, or from the instant that a message was due, to the first byte here. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly minMs: number;
}

/** Headers by which a publisher tells when a message was sent or due: milliseconds of the machine's clock. */
export const SENT_AT_HEADER = "x-sent-at";

/**
 * The destination of messages, in a process of its own: it counts, takes times and answers 200. `/hang` never answers;
 * `/count` and `/report` tell what came, `/reset` forgets it.
 */
export async function serveSink(): Promise<void> {
  let latencies: number[] = [];
  const server = createServer((request, response) => {
    const arrivedAt = performance.timeOrigin + performance.now();
    const sentAt = request.headers[SENT_AT_HEADER];
    if (request.url === "/hang") return;
    if (request.url === "/report") {
      response.end(JSON.stringify(reportOf(latencies)));
      return;
    }
    if (request.url === "/count") {
      response.end(String(latencies.length));
      return;
    }
    if (request.url === "/reset") {
      latencies = [];
      response.end();
      return;
    }
    latencies.push(sentAt === undefined ? 0 : arrivedAt - Number(sentAt));
    request.resume();
    request.on("end", () => response.end());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // A listening TCP server has one.
  const close = async () => {
    server.close();
    server.closeAllConnections();
  };
  answerParent({ url: `http://127.0.0.1:${port}`, token: "none" }, { close });
}

function reportOf(latencies: readonly number[]): SinkReport {
  const sorted = Float64Array.from(latencies).sort();
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
  return { count: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1), minMs: at(0) };
}
