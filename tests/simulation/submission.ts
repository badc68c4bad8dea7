import type { SentRequest } from "./facts.ts";

/** One message of a batch that an SDK has sent. */
export interface Submission {
  readonly runId: string;
  /** True for the first message of a run. */
  readonly isStart: boolean;
  readonly body: string;
}

interface BatchItem {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** The messages that a request carries, in order; none when it is no batch. */
export function readSubmissions({ method, target, body }: SentRequest): readonly Submission[] {
  if (method !== "POST" || target !== "/v2/batch") return [];
  // The SDK wrote it.
  const items = JSON.parse(body) as readonly BatchItem[];
  return items.map(({ headers = {}, body: record = "" }) => {
    const lower = new Map(
      Object.entries(headers).map(([name, text]) => [name.toLowerCase(), text]),
    );
    return {
      runId: lower.get("upstash-workflow-runid") ?? "",
      isStart: lower.get("upstash-workflow-init") === "true",
      body: record,
    };
  });
}
