// Who may see the dashboard: a token opens a session, a read-only one shows nothing that changes something, and a revoked one ends it.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BrowserWorld, hasBrowser, noFaults, openPage, openWorld } from "./browser-world.ts";

const TOKEN = "a-token-of-an-operator-0123456789";

describe.skipIf(!hasBrowser())("login", () => {
  let world: BrowserWorld;

  beforeAll(async () => {
    world = await openWorld({ mode: "production", token: TOKEN });
  });

  afterAll(() => world?.close());

  async function loggedIn(token: string) {
    const watched = await openPage(world);
    const { page } = watched;
    await page.goto(`${world.shop.url}/`);
    await page.getByLabel("Token").fill(token);
    await page.getByRole("button", { name: "Log in" }).click();
    return watched;
  }

  async function makeToken(
    scope: string,
  ): Promise<{ readonly id: string; readonly token: string }> {
    const made = await world.shop.ask("POST", "/v2/tokens", {
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name: `for-${scope}`, scope }),
    });
    return made as { readonly id: string; readonly token: string }; // The answer of this server.
  }

  test("a wrong token is refused in words", async () => {
    const { page } = await loggedIn("wrong");
    await page
      .getByRole("alert")
      .getByText(/invalid token/)
      .waitFor();
  });

  test("the token opens a session whose cookie no script can read; logging out ends it", async () => {
    const watched = await loggedIn(TOKEN);
    const { page, context } = watched;
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    const [cookie] = await context.cookies();
    expect(cookie).toMatchObject({ name: "reprise_session", httpOnly: true, sameSite: "Strict" });
    expect(cookie?.value).not.toContain(TOKEN);
    expect(await page.evaluate("document.cookie")).toBe("");
    await page.getByRole("button", { name: "Log out" }).click();
    await page.getByLabel("Token").waitFor();
    await page.reload();
    await page.getByLabel("Token").waitFor();
    noFaults(watched);
  });

  test("a read-only token sees everything and changes nothing", async () => {
    const { token } = await makeToken("read-only");
    const watched = await loggedIn(token);
    const { page, visit } = watched;
    await page.getByText("read only", { exact: true }).waitFor();
    for (const place of ["/queues", "/schedules", "/flow-control", "/failures", "/url-groups"]) {
      await visit(place);
      const names = /^(new|pause|resume|delete|pin|change|recover|restart|rotate)/i;
      expect(await page.locator("main").getByRole("button", { name: names }).count(), place).toBe(
        0,
      );
    }
    noFaults(watched);
  });

  test("a revoked token ends its sessions", async () => {
    const { id, token } = await makeToken("full");
    const { page, visit } = await loggedIn(token);
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    await world.shop.ask("DELETE", `/v2/tokens/${id}`);
    await page.reload();
    await page.getByLabel("Token").waitFor();
    expect(typeof visit).toBe("function");
  });
});
