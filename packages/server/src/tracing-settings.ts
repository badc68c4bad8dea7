import type { Environment, EnvironmentReader } from "./environment-reader.ts";
import type { TracingSettings } from "./host/otel.ts";

/** Where traces go: as `OTEL_*` variables say, unless `REPRISE_TRACING` switches them off, or on without an address. */
export function readTracing(
  env: Environment,
  reader: EnvironmentReader,
  faults: string[],
): TracingSettings | null {
  const wanted = reader.choice("REPRISE_TRACING", ["true", "false"]);
  const url = readUrl(env, faults);
  const ratio = readRatio(env, faults);
  if (wanted === "false" || env.OTEL_SDK_DISABLED?.toLowerCase() === "true") return null;
  if (wanted === null && url === null) return null;
  const serviceName = env.OTEL_SERVICE_NAME?.trim() ?? "";
  return {
    url,
    serviceName: serviceName === "" ? null : serviceName,
    ratio,
  };
}

function readUrl(env: Environment, faults: string[]): string | null {
  const whole = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT?.trim() ?? "";
  const base = env.OTEL_EXPORTER_OTLP_ENDPOINT?.trim() ?? "";
  if (whole === "" && base === "") return null;
  const text = whole === "" ? `${base.replace(/\/$/, "")}/v1/traces` : whole;
  if (URL.canParse(text) && /^https?:/.test(text)) return text;
  const name = `OTEL_EXPORTER_OTLP_${whole === "" ? "" : "TRACES_"}ENDPOINT`;
  faults.push(`${name} must be the http:// or https:// URL of a collector`);
  return null;
}

const SAMPLERS = ["always_on", "always_off", "traceidratio"];

function readRatio(env: Environment, faults: string[]): number {
  const text = env.OTEL_TRACES_SAMPLER?.trim() ?? "";
  const name = text.replace(/^parentbased_/, "");
  if (name !== "" && !SAMPLERS.includes(name)) {
    const known = SAMPLERS.flatMap((sampler) => [sampler, `parentbased_${sampler}`]);
    faults.push(`OTEL_TRACES_SAMPLER must be one of ${known.join(", ")}, got ${text}`);
  }
  if (name === "always_off") return 0;
  if (name !== "traceidratio") return 1;
  const ratio = Number(env.OTEL_TRACES_SAMPLER_ARG ?? "1");
  if (ratio >= 0 && ratio <= 1) return ratio;
  faults.push("OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1");
  return 1;
}
