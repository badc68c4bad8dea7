import type { Api } from "./api/app.ts";
import type { ServerConfig } from "./config.ts";
import type { Observer } from "./engine/observer.ts";
import { createTracing, type Tracing, type TracingOptions } from "./engine/tracing.ts";
import type { Host } from "./host/host.ts";
import { openOtel } from "./host/otel.ts";
import type { SpanSink } from "./host/otel-spans.ts";

/** Null when nobody traces: then nothing of it is loaded. */
export async function openSpans({ tracing }: ServerConfig, host: Host): Promise<SpanSink | null> {
  if (tracing === null) return null;
  return openOtel(tracing, (count, cause) => host.log("warn", "spans_lost", { count, cause }));
}

export interface TracedParts {
  /** What the engine gets. */
  readonly ways: { readonly observer: Observer; readonly tracing?: Tracing };
  /** Serves requests within their traces. */
  readonly serve: (api: Api) => Api;
  readonly close: () => Promise<void>;
}

export function createTraced(
  sink: SpanSink | null,
  options: Omit<TracingOptions, "sink"> & { readonly observer: Observer },
): TracedParts {
  const { observer } = options;
  if (sink === null) return { ways: { observer }, serve: (api) => api, close: async () => {} };
  const tracing = createTracing({ ...options, sink });
  return {
    ways: { observer: both(observer, tracing.observer), tracing },
    serve: (api) => ({
      ...api,
      fetch: (request, peer) => tracing.serve(request, () => api.fetch(request, peer)),
    }),
    close: () => tracing.close(),
  };
}

function both(first: Observer, second: Tracing["observer"]): Observer {
  return {
    ...first,
    attemptEnded: (command, delivery) => {
      first.attemptEnded(command, delivery);
      second.attemptEnded(command, delivery);
    },
    ended: (runKeys, waitKeys) => {
      first.ended?.(runKeys, waitKeys);
      second.ended?.(runKeys, waitKeys);
    },
  };
}
