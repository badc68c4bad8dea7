// Who may see the dashboard: a token opens a session whose cookie no script can read, and logging out ends it.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BrowserWorld, hasBrowser, noFaults, openWorld } from "./browser-world.ts";
import { logIn } from "./people.ts";

const TOKEN = "a-token-of-an-operator-0123456789";

describe.skipIf(!hasBrowser())("login", () => {
  let world: BrowserWorld;

  beforeAll(async () => {
    world = await openWorld({ mode: "production", token: TOKEN });
  });

  afterAll(() => world?.close());

  test("a wrong token is refused in words", async () => {
    const { page } = await logIn(world, "wrong");
    await page
      .getByRole("alert")
      .getByText(/invalid token/)
      .waitFor();
  });

  test("the token opens a session whose cookie no script can read; logging out ends it", async () => {
    const watched = await logIn(world, TOKEN);
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
});
