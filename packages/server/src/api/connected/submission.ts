import { isRepriseError } from "@reprise/protocol";
import type { Host } from "../../host/host.ts";
import { fault } from "../errors.ts";

/** What an app that goes on submits over its connection, and what it is told. */

export interface Submission {
  readonly runId: string;
  readonly messageKey: number;
  readonly leaseToken: number;
  readonly lines: readonly Uint8Array[];
  readonly callerIp: string;
  /** False when the next message is for somebody else: the app, or the server, wants to stop. */
  readonly mayGoOn: boolean;
}

export type Ack =
  | {
      readonly type: "held";
      readonly messageKey: number;
      readonly leaseToken: number;
      readonly retries: number;
    }
  | { readonly type: "stop"; readonly reason: string };

/** Resolves after the commit. Rejects with a RepriseError when the lines are refused; then nothing has changed. */
export type SubmitLines = (submission: Submission) => Promise<Ack>;

export function ackText(delivery: number, ack: Ack): string {
  if (ack.type === "held") {
    return `{"ack":${delivery},"hold":${ack.leaseToken},"retries":${ack.retries}}`;
  }
  return `{"ack":${delivery},"stop":true,"reason":${JSON.stringify(ack.reason)}}`;
}

/** The refusal of a submission, with the status that it has over HTTP. */
export function refusalText(delivery: number, error: unknown, host: Host): string {
  const { status, message } = isRepriseError(error) ? error : fault(error, host);
  return JSON.stringify({ ack: delivery, status, error: message });
}
