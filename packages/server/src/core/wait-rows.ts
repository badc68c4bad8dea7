/** Rows of steps whose results come from outside their runs. As in rows.ts, instants are epoch milliseconds. */

/** `event`: for a notification; `webhook`: for a request from outside; `call`: for a service's answer; `invoke`: for another run's end. */
export type WaitKind = "event" | "webhook" | "call" | "invoke";

/**
 * `open` until what is waited for has come; `answered`: the service has answered a call, and the app is being told; `done`: the result
 * is recorded; `dropped`: the run ended first; `moved`: a resumed run has taken it over.
 */
export type WaitState = "open" | "answered" | "done" | "dropped" | "moved";

/** A step whose result comes from outside its run. There is one for each step; it stays when it is over, for whoever reads the run. */
export interface WaitRow {
  readonly key: number;
  readonly runKey: number;
  readonly stepId: number;
  readonly kind: WaitKind;
  readonly state: WaitState;
  readonly createdAt: number;
  readonly endedAt: number | null;
  /** Deadline of an open wait for an event or a webhook; else null. */
  readonly dueAt: number | null;
  readonly eventId: string | null;
  /** The message that asks: a call's request, an invoked run's first delivery. */
  readonly requestKey: number | null;
  readonly childRunKey: number | null;
  /** JSON of {@link WaitConfig}. */
  readonly config: string;
  /** Of a call: what is sent. */
  readonly body: Uint8Array | null;
  /** Of a call: what the app is told of the answer; null before, and once it has been told. */
  readonly answer: Uint8Array | null;
}

export type EventSource = "notify" | "webhook";

/** What came for a run before anybody waited for it. The oldest of an event id is taken first. */
export interface EventRow {
  readonly key: number;
  readonly runKey: number;
  readonly eventId: string;
  /** A webhook's caller has no token, so what it sends is for steps that wait for webhooks alone. */
  readonly source: EventSource;
  readonly createdAt: number;
  /** Length of the body: events are counted without being read. */
  readonly bytes: number;
  readonly body: Uint8Array;
}
