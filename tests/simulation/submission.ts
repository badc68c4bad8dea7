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

/** The messages that a request carries, in order; none when it carries none. */
export function readSubmissions(request: SentRequest): readonly Submission[] {
  const { method, target, headers, body } = request;
  if (method !== "POST") return [];
  if (target.startsWith("/v2/trigger/")) {
    return [{ runId: headers["upstash-workflow-runid"] ?? "", isStart: true, body }];
  }
  if (target !== "/v2/batch") return [];
  // The SDK wrote it.
  const items = JSON.parse(body) as readonly BatchItem[];
  return items.map((item) => {
    const names = Object.entries(item.headers ?? {});
    const lower = new Map(names.map(([name, text]) => [name.toLowerCase(), text]));
    return {
      runId: lower.get("upstash-workflow-runid") ?? "",
      isStart: lower.get("upstash-workflow-init") === "true",
      body: item.body ?? "",
    };
  });
}
