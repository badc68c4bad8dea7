import { collectLimits, type Limits } from "./engine/limits.ts";
import type { EnvironmentReader } from "./environment-reader.ts";

/** Reads what an operator has set; a limit that is not set has its default. */
export function readLimits(reader: EnvironmentReader, faults: string[]): Limits {
  const limits = collectLimits((_field, [name, preset, kind]) => {
    const given = "msMax" in kind ? reader.duration(name, kind.msMax) : reader.whole(name, kind);
    return given ?? preset;
  });
  if (limits.attemptTimeoutMs > limits.attemptTimeoutMsMax) {
    faults.push("REPRISE_ATTEMPT_TIMEOUT must not be longer than REPRISE_ATTEMPT_TIMEOUT_MAX");
  }
  return limits;
}
