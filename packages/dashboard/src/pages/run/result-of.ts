import type { StepResource } from "@reprise/protocol";
import { bytesOf } from "../../parts/bytes.ts";

interface Shown {
  readonly text?: string;
  readonly base64?: string;
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Data of events is recorded in base64, whatever it is. */
export function resultOf({ stepType, out = "" }: Pick<StepResource, "stepType" | "out">): Shown {
  const isEvent = stepType === "Wait" || stepType === "WaitForWebhook";
  if (!isEvent || out === "" || !BASE64.test(out)) return { text: out };
  try {
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytesOf(out)) };
  } catch {
    return { base64: out }; // Bytes.
  }
}
