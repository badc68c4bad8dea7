// `npm run example -- <name>`: starts one of the example apps, configured as an app of yours would be. QSTASH_URL and
// QSTASH_TOKEN say where the server is; without them it is the server of `npm run reprise -- dev`.

import { createServer } from "node:net";
import { join } from "node:path";
import { DEV_IDENTITY } from "@reprise/protocol";
import { commandOf, root, runInForeground, runMain, SetUpError } from "./runtime.mjs";

const hostname = "127.0.0.1";
const answerMsMax = 5_000;

/** The examples and what Node runs for each one, in the directory of the example. */
const examples = {
  nextjs: () => [commandOf("next"), "dev", "--hostname", hostname],
  express: () => ["app.ts"],
  hono: () => ["app.ts"],
  "node-http": () => ["app.ts"],
};

/** Settings of the reader's shell that would lead the SDK to another server than the one that is checked here. */
const foreignSettings = /^(?:QSTASH_(?:DEV|REGION)|UPSTASH_|US_EAST_1_|EU_CENTRAL_1_|NODE_ENV$)/;

async function start(args) {
  const [name = ""] = args;
  if (args.length !== 1 || !Object.hasOwn(examples, name)) {
    const names = Object.keys(examples).join(", ");
    throw new SetUpError(
      `expected the name of one example (${names}), got ${args.join(" ") || "none"}`,
    );
  }
  const settings = await readServer();
  await requireFreePort(name);
  for (const setting of Object.keys(process.env)) {
    if (foreignSettings.test(setting)) delete process.env[setting];
  }
  // Next.js reports to its vendor and repairs lock files unless it is told not to.
  const quiet = { NEXT_TELEMETRY_DISABLED: "1", NEXT_IGNORE_INCORRECT_LOCKFILE: "1" };
  Object.assign(process.env, settings, quiet);
  // Tests run copies of the examples too.
  process.chdir(join(process.env.REPRISE_EXAMPLES ?? join(root, "examples"), name));
  return runInForeground(process.execPath, examples[name]());
}

/** Asks the server for its signing keys. Who does not have them cannot call the app's workflows. */
async function readServer() {
  const url = (process.env.QSTASH_URL || "http://127.0.0.1:8080").replace(/\/+$/, "");
  const token = process.env.QSTASH_TOKEN || DEV_IDENTITY.token;
  const response = await askForKeys(url, token);
  if (response.status === 401 || response.status === 403) {
    throw new SetUpError(
      `the server at ${url} refuses the token (${response.status}); set QSTASH_TOKEN to one that it knows`,
    );
  }
  const keys = await response.json().catch(() => null);
  if (typeof keys?.current !== "string" || typeof keys.next !== "string") {
    throw new SetUpError(
      `${url} is not a Reprise server: GET /v2/keys answers ${response.status} without signing keys`,
    );
  }
  return {
    QSTASH_URL: url,
    QSTASH_TOKEN: token,
    QSTASH_CURRENT_SIGNING_KEY: keys.current,
    QSTASH_NEXT_SIGNING_KEY: keys.next,
  };
}

async function askForKeys(url, token) {
  try {
    return await fetch(`${url}/v2/keys`, {
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(answerMsMax),
    });
  } catch {
    const other = process.env.QSTASH_URL ? " or unset QSTASH_URL, which is set in this shell" : "";
    throw new SetUpError(
      `no server answers at ${url}. Start one in another terminal with\n\n` +
        `  npm run reprise -- dev\n\nand run this command again${other}.`,
    );
  }
}

/** Looks before the app does, because each framework says it in another way, and Next.js takes another port instead. */
async function requireFreePort(name) {
  const port = process.env.PORT || "3000";
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) {
    throw new SetUpError(`PORT must be a whole number from 0 to 65535, got ${port}`);
  }
  const fault = await new Promise((resolve) => {
    const server = createServer();
    server.once("error", resolve);
    server.listen(Number(port), hostname, () => server.close(() => resolve(null)));
  });
  if (fault === null) return;
  const reason = fault.code === "EADDRINUSE" ? "is taken" : `cannot be used (${fault.message})`;
  throw new SetUpError(
    `port ${port} ${reason}; choose another one: PORT=3001 npm run example -- ${name}`,
  );
}

await runMain(() => start(process.argv.slice(2)));
