import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";

/** A process in which the optional packages cannot be found. */
const program = `
  import { registerHooks } from "node:module";
  registerHooks({
    resolve: (name, context, next) => {
      if (!name.startsWith("@opentelemetry/")) return next(name, context);
      throw Object.assign(new Error("Cannot find package " + name), { code: "ERR_MODULE_NOT_FOUND" });
    },
  });
  const { openOtel } = await import(${JSON.stringify(new URL("./otel.ts", import.meta.url).href)});
  const settings = { url: null, serviceName: null, ratio: 1 };
  await openOtel(settings, () => {}).catch((error) => console.log(error.code + " " + error.message));
`;

test("packages that are not installed are named, and how to get them", () => {
  const flags = ["--conditions=source", "--input-type=module", "-e", program];
  const said = execFileSync(process.execPath, flags, { encoding: "utf8" });
  expect(said).toMatch(
    /^invalid_request tracing needs packages that are not installed; run `npm install @opentelemetry\/api @opentelemetry\/sdk-trace @opentelemetry\/exporter-trace-otlp-http`, or unset/,
  );
});
