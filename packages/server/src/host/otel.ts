import { createRequire } from "node:module";
import { RepriseError } from "@reprise/protocol";
import type { Span, SpanSink } from "./otel-spans.ts";

const PACKAGES = [
  "@opentelemetry/api",
  "@opentelemetry/sdk-trace",
  "@opentelemetry/exporter-trace-otlp-http",
] as const;

/** Where traces go. Headers, certificates and time limits the exporter reads itself, from `OTEL_*` variables. */
export interface TracingSettings {
  /** The whole URL of a collector; null is the exporter's default. */
  readonly url: string | null;
  /** Null: what `OTEL_RESOURCE_ATTRIBUTES` says, or `reprise`. */
  readonly serviceName: string | null;
  /** The part of the traces that begin here and are collected, from 0 to 1. Those that come from outside go on as they were begun. */
  readonly ratio: number;
}

/** Spans that wait to be sent; more are dropped. */
const QUEUE_SPANS_MAX = 16_384;

/**
 * Opens the way to a collector: OTLP over HTTP, in batches.
 * @throws RepriseError `invalid_request` when one of the packages is not installed; the message names them.
 */
export async function openOtel(
  settings: TracingSettings,
  onLost: (count: number, reason: string) => void,
): Promise<SpanSink> {
  const { api, sdk, exporter, resource } = await load(settings);
  const ids = { traceId: "", spanId: "" };
  const processor = new sdk.BatchSpanProcessor({
    exporter: telling(new exporter.OTLPTraceExporter(urlOf(settings)), onLost),
    maxQueueSize: QUEUE_SPANS_MAX,
  });
  const provider = new sdk.TracerProvider({
    resource,
    // What is recorded has been sampled already, and its ids were drawn when its headers went out.
    sampler: new sdk.AlwaysOnSampler(),
    idGenerator: { generateTraceId: () => ids.traceId, generateSpanId: () => ids.spanId },
    spanProcessors: [processor],
  });
  const tracer = provider.getTracer("reprise");
  const kinds = {
    server: api.SpanKind.SERVER,
    client: api.SpanKind.CLIENT,
    internal: api.SpanKind.INTERNAL,
  };

  function record(span: Span): void {
    const { traceId, spanId, parentSpanId, tracestate, fault } = span;
    ids.traceId = traceId;
    ids.spanId = spanId;
    const contextOf = (id: string) => ({
      traceId,
      spanId: id,
      traceFlags: api.TraceFlags.SAMPLED,
      isRemote: true,
      ...(tracestate === undefined ? {} : { traceState: api.createTraceState(tracestate) }),
    });
    const parent =
      parentSpanId === null
        ? api.ROOT_CONTEXT
        : api.trace.setSpanContext(api.ROOT_CONTEXT, contextOf(parentSpanId));
    const started = tracer.startSpan(
      span.name,
      {
        kind: kinds[span.kind],
        startTime: toTime(span.startAt),
        attributes: { ...span.attributes },
        links: span.links.map((link) => ({
          context: { ...link, traceFlags: api.TraceFlags.SAMPLED },
        })),
      },
      parent,
    );
    if (fault !== null) started.setStatus({ code: api.SpanStatusCode.ERROR, message: fault });
    started.end(toTime(span.endAt));
  }

  return { record, isSampled: createSampler(settings.ratio), close: () => provider.shutdown() };
}

type SpanExporter = import("@opentelemetry/sdk-trace").SpanExporter;

function urlOf({ url }: TracingSettings): { readonly url?: string } {
  return url === null ? {} : { url };
}

/** The SDK itself says nothing about spans that nobody takes. */
function telling(
  exporter: SpanExporter,
  onLost: (count: number, reason: string) => void,
): SpanExporter {
  return {
    export: (spans, onResult) =>
      exporter.export(spans, (result) => {
        if (result.code !== 0) onLost(spans.length, result.error?.message ?? "unknown");
        onResult(result);
      }),
    shutdown: () => exporter.shutdown(),
    forceFlush: async () => exporter.forceFlush?.(),
  };
}

/** Seconds and nanoseconds: a plain number would be taken for the clock of the process when it is small. */
function toTime(at: number): [number, number] {
  return [Math.floor(at / 1_000), (at % 1_000) * 1_000_000];
}

/** The last 7 bytes of a trace id are random by its definition; 13 digits of them are as many as a number holds. */
function createSampler(ratio: number): SpanSink["isSampled"] {
  return (traceId) => Number.parseInt(traceId.slice(-13), 16) < ratio * 16 ** 13;
}

async function load(settings: TracingSettings) {
  try {
    const [api, sdk, exporter] = await Promise.all([
      import("@opentelemetry/api"),
      import("@opentelemetry/sdk-trace"),
      import("@opentelemetry/exporter-trace-otlp-http"),
    ]);
    return { api, sdk, exporter, resource: toResource(settings) };
  } catch (cause) {
    throw new RepriseError("invalid_request", {
      message: `tracing needs packages that are not installed; run \`npm install ${PACKAGES.join(" ")}\`, or unset REPRISE_TRACING and OTEL_EXPORTER_OTLP_ENDPOINT`,
      cause,
    });
  }
}

type Resource = NonNullable<import("@opentelemetry/sdk-trace").TracerProviderOptions["resource"]>;

interface Resources {
  readonly defaultResource: () => Resource;
  readonly resourceFromAttributes: (attributes: Readonly<Record<string, string>>) => Resource;
  readonly detectResources: (config: { readonly detectors: readonly unknown[] }) => Resource;
  readonly envDetector: unknown;
}

/** Who sends the spans. The package that can say it comes with the SDK, so the SDK's own copy is asked. */
function toResource({ serviceName }: TracingSettings): Resource {
  const require = createRequire(import.meta.resolve("@opentelemetry/sdk-trace"));
  // A package of the same release as the SDK, which documents these.
  const resources = require("@opentelemetry/resources") as Resources;
  const { defaultResource, resourceFromAttributes, detectResources, envDetector } = resources;
  const own = resourceFromAttributes({ "service.name": "reprise" });
  const given = detectResources({ detectors: [envDetector] });
  const named = resourceFromAttributes(serviceName === null ? {} : { "service.name": serviceName });
  return defaultResource().merge(own).merge(given).merge(named);
}
