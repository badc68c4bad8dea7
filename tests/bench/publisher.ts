import type { MeasuredProcess } from "./measured-process.ts";
import { RawClient, requestOk } from "./raw-client.ts";
import { SENT_AT_HEADER, type SinkReport } from "./sink-child.ts";
import { clientHeaders } from "./wire.ts";

/** More than the publishes that are under way at once. */
const CONNECTIONS = 256;

const BODY = JSON.stringify({ text: "x".repeat(1_011) });

export interface PublishSample {
  readonly accepted: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Publishes messages of 1 KB to the sink through the measured server. */
export class Publisher {
  readonly #client: RawClient;
  readonly #token: string;
  readonly #sink: RawClient;
  readonly #sinkUrl: string;

  constructor(server: MeasuredProcess, sink: MeasuredProcess) {
    this.#client = new RawClient(server.url, CONNECTIONS);
    this.#sink = new RawClient(sink.url, 4);
    this.#token = server.token;
    this.#sinkUrl = sink.url;
  }

  /** One message; `headers` configure it. Resolves when it is accepted. */
  async publish(headers: readonly string[] = [], path = "/message"): Promise<void> {
    const sentAt = performance.timeOrigin + performance.now();
    const given =
      headers.length > 0 ? headers : [`upstash-forward-${SENT_AT_HEADER}`, String(sentAt)];
    await requestOk(this.#client, {
      method: "POST",
      path: `/v2/publish/${this.#sinkUrl}${path}`,
      headers: [...clientHeaders(this.#token, "application/json"), ...given],
      body: BODY,
    });
  }

  /** `count` messages in one batch, each with the same headers. */
  async publishBatch(count: number, headers: Readonly<Record<string, string>>): Promise<void> {
    const item = {
      destination: `${this.#sinkUrl}/message`,
      headers: { "content-type": "application/json", "upstash-method": "POST", ...headers },
      body: BODY,
    };
    await requestOk(this.#client, {
      method: "POST",
      path: "/v2/batch",
      headers: clientHeaders(this.#token, "application/json"),
      body: JSON.stringify(Array.from({ length: count }, () => item)),
    });
  }

  /** Keeps `concurrency` publishes under way until `seconds` have passed. */
  async publishFor(
    seconds: number,
    concurrency: number,
    headers: readonly string[] = [],
  ): Promise<PublishSample> {
    const latencies: number[] = [];
    const startedAt = performance.now();
    const endsAt = startedAt + seconds * 1000;
    await Promise.all(
      Array.from({ length: concurrency }, async () => {
        for (let before = performance.now(); before < endsAt; before = performance.now()) {
          await this.publish(headers);
          latencies.push(performance.now() - before);
        }
      }),
    );
    const sorted = Float64Array.from(latencies).sort();
    const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
    const passed = (performance.now() - startedAt) / 1000;
    return { accepted: latencies.length, seconds: passed, p50Ms: at(0.5), p99Ms: at(0.99) };
  }

  /** What has arrived since the last reset. */
  async report(): Promise<SinkReport> {
    return JSON.parse(await this.#ask("/report")) as SinkReport; // The sink is this very program.
  }

  async reset(): Promise<void> {
    await this.#ask("/reset");
  }

  /** Waits until `count` messages have arrived, or `secondsMax` have passed; returns the seconds. */
  async awaitArrivals(
    count: number,
    secondsMax: number,
    onLook: () => Promise<void> = async () => {},
  ): Promise<number> {
    const startedAt = performance.now();
    for (;;) {
      const arrived = Number(await this.#ask("/count"));
      const seconds = (performance.now() - startedAt) / 1000;
      if (arrived >= count) return seconds;
      if (seconds >= secondsMax) {
        throw new Error(`${arrived} of ${count} messages arrived in ${secondsMax} s`);
      }
      await onLook();
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async #ask(path: string): Promise<string> {
    const question = { method: "GET", path, headers: [], body: null } as const;
    return (await requestOk(this.#sink, { ...question, headers: [] })).body;
  }

  async close(): Promise<void> {
    await this.#client.close();
    await this.#sink.close();
  }
}
