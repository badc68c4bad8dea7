// Cloudflare Workers, in the runtime that they run on.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { adapterSuite } from "../sdk/adapters/adapter.suite.ts";
import { bundleProgram, platformsHome } from "./programs.ts";

interface Worker {
  readonly ready: Promise<URL>;
  dispose(): Promise<void>;
}

interface Miniflare {
  readonly Miniflare: new (options: object) => Worker;
}

adapterSuite("Cloudflare Workers (workerd)", async ({ env }) => {
  const require = createRequire(join(platformsHome("runtimes"), "app.js"));
  // Installed by `main.ts`, so that its types are not at hand.
  const { Miniflare } = require("miniflare") as Miniflare;
  const file = await bundleProgram("worker", { isWhole: true });
  const worker = new Miniflare({
    modules: true,
    script: readFileSync(file, "utf8"),
    compatibilityDate: "2026-01-01",
    bindings: env,
    host: "127.0.0.1",
  });
  const url = await worker.ready;
  return { url: url.origin, close: () => worker.dispose() };
});
