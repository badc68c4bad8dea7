// Frameworks that are built before they run, each as small as its documentation allows.

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { type AdapterTraits, adapterSuite } from "../sdk/adapters/adapter.suite.ts";
import type { AppEnvironment } from "../sdk/adapters/routes.ts";
import type { Listening } from "../sdk/adapters/world.ts";
import { runIn } from "../sdk/package/packed.ts";
import { bundleProgram, platformsHome, startProgram } from "./programs.ts";

interface Framework {
  readonly files: Readonly<Record<string, string>>;
  /** The program of the framework that builds, with its arguments. */
  readonly build: readonly string[];
  /** What has been built. */
  readonly server: string;
  /** The program that runs it, with its arguments; else it runs itself. */
  readonly runner?: readonly string[];
  /** What the server is told besides its port. */
  readonly settings: (url: string) => Readonly<Record<string, string>>;
}

const installed = (path: string): string => join(platformsHome("frameworks"), "node_modules", path);

/** Frameworks refuse forms of other sites, and take payloads of plain text for such; and they limit bodies. */
const sveltekit: Framework = {
  files: {
    "vite.config.js": `import adapter from "@sveltejs/adapter-node";
      import { sveltekit } from "@sveltejs/kit/vite";
      const kit = sveltekit({ adapter: adapter(), csrf: { trustedOrigins: ["*"] } });
      export default { plugins: [kit] };`,
    "src/app.html": "<html><head>%sveltekit.head%</head><body>%sveltekit.body%</body></html>",
    "src/routes/[...path]/+server.js": `export { POST } from "../../../app.mjs";`,
  },
  build: [installed("vite/bin/vite.js"), "build"],
  server: "build/index.js",
  settings: (url) => ({ APP_URL: url, BODY_SIZE_LIMIT: "100M" }),
};

const astro: Framework = {
  files: {
    "astro.config.mjs": `import node from "@astrojs/node";
      const adapter = node({ mode: "standalone" });
      export default { output: "server", adapter, security: { checkOrigin: false } };`,
    "src/pages/[...path].js": `export { POST } from "../../app.mjs";
      export const prerender = false;`,
  },
  build: [installed("astro/bin/astro.mjs"), "build"],
  server: "dist/server/entry.mjs",
  settings: () => ({}),
};

const nitro: Framework = {
  files: {
    "nitro.config.mjs": `export default { preset: "node-server", compatibilityDate: "2026-01-01" };`,
    "routes/[...path].post.js": `import { answer } from "../app.mjs";
      export default defineEventHandler(answer);`,
  },
  build: [installed("nitropack/dist/cli/index.mjs"), "build"],
  server: ".output/server/index.mjs",
  settings: () => ({}),
};

const reactRouter: Framework = {
  files: {
    // It looks here for the platform that it builds for.
    "package.json": `{ "name": "app", "private": true, "type": "module",
      "dependencies": { "@react-router/node": "*", "isbot": "*" } }`,
    "vite.config.js": `import { reactRouter } from "@react-router/dev/vite";
      export default { plugins: [reactRouter()] };`,
    "app/root.jsx": `import { Outlet } from "react-router";
      export default Outlet;`,
    "app/routes.js": `import { route } from "@react-router/dev/routes";
      export default [route("*", "any.js")];`,
    "app/any.js": `export { action } from "../app.mjs";`,
  },
  build: [installed("@react-router/dev/bin.js"), "build"],
  server: "build/server/index.js",
  runner: [installed("@react-router/serve/bin.js")],
  settings: () => ({}),
};

const tanstack: Framework = {
  files: {
    "vite.config.js": `import { tanstackStart } from "@tanstack/react-start/plugin/vite";
      export default { plugins: [tanstackStart()] };`,
    "src/router.jsx": `import { createRouter } from "@tanstack/react-router";
      import { routeTree } from "./routeTree.gen";
      export const getRouter = () => createRouter({ routeTree });`,
    "src/routes/__root.jsx": `import { createRootRoute, Outlet, Scripts } from "@tanstack/react-router";
      const component = () => <html><body><Outlet /><Scripts /></body></html>;
      export const Route = createRootRoute({ component });`,
    "src/routes/$.js": `import { createFileRoute } from "@tanstack/react-router";
      import { POST } from "../../app.mjs";
      export const Route = createFileRoute("/$")({ server: { handlers: { POST } } });`,
  },
  build: [installed("vite/bin/vite.js"), "build"],
  server: "dist/server/server.js",
  runner: [installed("srvx/bin/srvx.mjs"), "serve", "--prod", "--entry"],
  settings: () => ({}),
};

const solidstart: Framework = {
  files: {
    "vite.config.js": `import { solidStart } from "@solidjs/start/config";
      import { nitroV2Plugin } from "@solidjs/vite-plugin-nitro-2";
      export default { plugins: [solidStart(), nitroV2Plugin()] };`,
    "src/app.jsx": `import { Router } from "@solidjs/router";
      import { FileRoutes } from "@solidjs/start/router";
      export default () => <Router><FileRoutes /></Router>;`,
    "src/entry-client.jsx": `import { mount, StartClient } from "@solidjs/start/client";
      mount(() => <StartClient />, document.getElementById("app"));`,
    "src/entry-server.jsx": `import { createHandler, StartServer } from "@solidjs/start/server";
      const page = (parts) => <html><body><div id="app">{parts.children}</div>{parts.scripts}</body></html>;
      export default createHandler(() => <StartServer document={page} />);`,
    "src/routes/[...path].js": `export { POST } from "../../app.mjs";`,
  },
  build: [installed("vite/bin/vite.js"), "build"],
  server: ".output/server/index.mjs",
  settings: () => ({}),
};

function frameworkSuite(name: string, framework: Framework, traits: AdapterTraits = {}): void {
  adapterSuite(name, ({ env }) => startFramework(name, framework, env), traits);
}

async function startFramework(
  name: string,
  { files, build, server, runner = [], settings }: Framework,
  env: AppEnvironment,
): Promise<Listening> {
  const directory = join(platformsHome("frameworks"), "apps", name);
  rmSync(directory, { recursive: true, force: true });
  const all = { "package.json": `{ "name": "app", "private": true, "type": "module" }`, ...files };
  for (const [file, text] of Object.entries(all)) {
    mkdirSync(dirname(join(directory, file)), { recursive: true });
    writeFileSync(join(directory, file), text);
  }
  await bundleProgram(name, { target: join(directory, "app.mjs") });
  // Nobody needs to be told of this.
  process.env.ASTRO_TELEMETRY_DISABLED = "1";
  // Builds are those of production: Nitro 2 below SolidStart does not end its build in what it takes for a test.
  const asProduction = ["-u", "TEST", "-u", "VITEST", "NODE_ENV=production"];
  runIn(directory, "env", [...asProduction, process.execPath, ...build]);
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}`;
  const told = { NODE_ENV: "production", HOST: "127.0.0.1", PORT: String(port), ...settings(url) };
  return startProgram({
    command: process.execPath,
    args: [...runner, join(directory, server)],
    env,
    told,
    url,
  });
}

function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}

frameworkSuite("sveltekit", sveltekit);
frameworkSuite("astro", astro);
frameworkSuite("nitro", nitro, { readsForwarded: true });
frameworkSuite("react-router", reactRouter, { otherMethods: [400] });
// These render the pages there, which are empty.
frameworkSuite("tanstack", tanstack, { otherMethods: [200] });
frameworkSuite("solidstart", solidstart, { otherMethods: [200] });
