import type { BrowserContextOptions } from "playwright-core";
import { type BrowserWorld, openPage, type Watched } from "./browser-world.ts";

/** A page of somebody who has logged in with a token. */
export async function logIn(
  world: BrowserWorld,
  token: string,
  options: BrowserContextOptions = {},
): Promise<Watched> {
  const watched = await openPage(world, options);
  const { page } = watched;
  await page.goto(`${world.shop.url}/`);
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Log in" }).click();
  return watched;
}

/** Makes a token for somebody. */
export async function makeToken(
  { shop }: BrowserWorld,
  name: string,
  scope: string,
): Promise<{ readonly id: string; readonly token: string }> {
  const made = await shop.ask("POST", "/v2/tokens", {
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name, scope }),
  });
  return made as { readonly id: string; readonly token: string }; // The answer of this server.
}
