import { isRepriseError } from "@reprise/protocol";
import { expect, test } from "vitest";
import { parseServerConfig } from "./config.ts";
import type { Environment } from "./environment-reader.ts";

const tracingOf = (env: Environment) => parseServerConfig(env).tracing;

function messageOf(env: Environment): string {
  try {
    parseServerConfig(env);
  } catch (error) {
    if (isRepriseError(error)) return error.message;
    throw error;
  }
  return "";
}

const endpoint = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://collector/x" };
const none = { url: null, serviceName: null, ratio: 1 };

test("there are traces when there is a collector, or when they are asked for", () => {
  expect(tracingOf({})).toBeNull();
  expect(tracingOf({ OTEL_EXPORTER_OTLP_ENDPOINT: " " })).toBeNull();
  expect(tracingOf(endpoint)).toEqual({ ...none, url: "https://collector/x" });
  expect(tracingOf({ REPRISE_TRACING: "true" })).toEqual(none);
});

test.each([{ REPRISE_TRACING: "false" }, { OTEL_SDK_DISABLED: "TRUE" }])(
  "there are none with %o, whatever else is set",
  (off) => expect(tracingOf({ ...endpoint, ...off })).toBeNull(),
);

test.each([
  ["always_on", 1],
  ["parentbased_always_off", 0],
  ["traceidratio", 0.25],
  ["parentbased_traceidratio", 0.25],
])("the sampler %s collects %d of what begins here", (name, ratio) => {
  const sampler = { OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: "0.25" };
  expect(tracingOf({ ...endpoint, ...sampler })).toMatchObject({ ratio });
});

test("what is wrong is named", () => {
  const ratio = { OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "2" };
  expect(messageOf(ratio)).toMatch(/OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1/);
  const text = messageOf({
    OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318",
    OTEL_TRACES_SAMPLER: "often",
  });
  expect(text).toMatch(/OTEL_EXPORTER_OTLP_ENDPOINT must be the http:\/\/ or https:\/\/ URL/);
  expect(text).toMatch(/OTEL_TRACES_SAMPLER must be one of always_on, .*, got often/);
});
