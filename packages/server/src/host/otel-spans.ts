/** Something that has happened, with the place that it has in a trace. Never holds payloads, header values or URLs. */
export interface Span {
  readonly name: string;
  /** `server`: asked of us; `client`: asked by us; `internal`: neither. */
  readonly kind: "server" | "client" | "internal";
  readonly traceId: string;
  readonly spanId: string;
  /** Null at the beginning of a trace. */
  readonly parentSpanId: string | null;
  readonly tracestate?: string;
  readonly startAt: number;
  readonly endAt: number;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  /** Why it failed, in one word or a status; null when it did not. */
  readonly fault: string | null;
  /** Other traces that it has to do with. */
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
}

/** Takes finished spans and brings them to whoever collects them. It neither waits nor throws. */
export interface SpanSink {
  record(span: Span): void;
  /** Whether a trace that begins here is collected. */
  isSampled(traceId: string): boolean;
  /** Brings what is left; gives up after a while. */
  close(): Promise<void>;
}
