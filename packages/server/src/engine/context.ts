import type { Context } from "../core/transition.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { EngineOptions } from "./engine-options.ts";
import type { KeyRange } from "./key-range.ts";
import { hashBody } from "./signer.ts";

/** What the decisions of one group may know about the world. */
export function contextOf(
  { host, lease, limits }: Pick<EngineOptions, "host" | "lease" | "limits">,
  keyRange: KeyRange,
  dispatcher: Pick<Dispatcher, "isFull">,
): Context {
  return {
    now: host.now(),
    nodeKey: lease?.nodeKey ?? null,
    newKey: () => keyRange.next(),
    attemptTimeoutMs: limits.attemptTimeoutMs,
    sha256: hashBody,
    isOriginFull: (origin) => dispatcher.isFull(origin),
    toBase64: (bytes) =>
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64"),
  };
}
