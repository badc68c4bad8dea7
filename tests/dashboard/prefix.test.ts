// Below a path prefix of a proxy: files, API, cookie and stream of changes are found relative to where the page is.

import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BrowserWorld, hasBrowser, noFaults, openPage, openWorld } from "./browser-world.ts";

const TOKEN = "a-token-behind-a-proxy-0123456789";
const PREFIX = "/ops/reprise";

/** Takes the prefix away, as a proxy does that is told to; everything else is not its business. */
function openProxy(target: URL): Promise<Server> {
  const proxy = createServer((incoming, answer) => {
    const { url = "", method, headers } = incoming;
    if (!url.startsWith(`${PREFIX}/`)) return answer.writeHead(404).end();
    const path = url.slice(PREFIX.length);
    const onward = request({ host: target.hostname, port: target.port, method, path, headers });
    onward.on("response", (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    });
    onward.on("error", () => answer.destroy());
    answer.on("close", () => onward.destroy());
    return incoming.pipe(onward);
  });
  return new Promise((resolve) => proxy.listen(0, "127.0.0.1", () => resolve(proxy)));
}

describe.skipIf(!hasBrowser())("behind a proxy with a prefix", () => {
  let world: BrowserWorld;
  let proxy: Server;

  beforeAll(async () => {
    world = await openWorld({ mode: "production", token: TOKEN });
    proxy = await openProxy(new URL(world.shop.url));
  });

  afterAll(async () => {
    await world?.close();
    proxy?.closeAllConnections();
    proxy?.close();
  });

  test("a person logs in, sees changes as they come, and changes something", async () => {
    const { port } = proxy.address() as AddressInfo; // It listens on TCP.
    const origin = `http://127.0.0.1:${port}`;
    const watched = await openPage(world, {}, origin);
    const { page, context } = watched;
    await page.goto(`${origin}${PREFIX}/`);
    await page.getByLabel("Token").fill(TOKEN);
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    const cookies = await context.cookies();
    expect(cookies).toMatchObject([{ name: "reprise_session", path: `${PREFIX}/v2` }]);

    await page.goto(`${origin}${PREFIX}/#/queues`);
    await page.getByText("There is no queue yet").waitFor();
    const body = JSON.stringify({ queueName: "behind-a-proxy", parallelism: 2 });
    await world.shop.ask("POST", "/v2/queues", { body });
    const row = page.getByRole("row").filter({ hasText: "behind-a-proxy" });
    await row.getByRole("button", { name: "Pause" }).click();
    await row.getByRole("button", { name: "Resume" }).waitFor();
    noFaults(watched);
  });
});
