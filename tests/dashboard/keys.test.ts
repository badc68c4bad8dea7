// Signing keys, tokens, settings and the audit log: what is secret is covered, shown once or not at all, and every act has a name.

import type { SigningKeysResource, TokenResource } from "@reprise/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { auditOf } from "./audit-trail.ts";
import { type BrowserWorld, hasBrowser, noFaults, openWorld } from "./browser-world.ts";
import { copy } from "./copying.ts";
import { fill, isClosed, isLeftWithEscape, isRefused, openDialog } from "./dialogs.ts";
import { logIn, makeToken } from "./people.ts";

const TOKEN = "a-token-of-an-operator-0123456789";

describe.skipIf(!hasBrowser())("keys, tokens and the audit log", () => {
  let world: BrowserWorld;

  beforeAll(async () => {
    world = await openWorld({ mode: "production", token: TOKEN, keyRotationGuardMs: 86_400_000 });
    const headers = { "content-type": "application/json" };
    await world.shop.ask("POST", "/v2/queues", { headers, body: '{"queueName":"mail"}' });
  });

  afterAll(() => world?.close());

  async function opened(place: string, token = TOKEN) {
    const watched = await logIn(world, token);
    const { page, context, visit } = watched;
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    await visit(place);
    const button = (name: string | RegExp) => page.getByRole("button", { name, exact: true });
    return { ...watched, button };
  }

  const signingKeys = async () => (await world.shop.ask("GET", "/v2/keys")) as SigningKeysResource; // The answer of this server.
  const tokens = async () =>
    (await world.shop.ask("GET", "/v2/tokens")) as readonly TokenResource[]; // As above.

  test("signing keys are covered until they are wanted, and rotated after a question", async () => {
    const { shop } = world;
    const watched = await opened("/keys");
    const { page, button } = watched;
    const main = page.locator("main");
    const before = await signingKeys();
    await button("Show the current key").waitFor();
    expect(await main.textContent()).not.toContain(before.current);
    expect(await main.textContent()).not.toContain(before.next);
    await button("Show the current key").click();
    await main.getByText(before.current, { exact: true }).waitFor();
    await button("Hide the current key").click();
    await main.getByText(before.current, { exact: true }).waitFor({ state: "detached" });
    await copy(page, button("Copy the next key"));
    expect(await page.evaluate("navigator.clipboard.readText()")).toBe(before.next);

    let dialog = await openDialog(page, button("Rotate"));
    await dialog.getByRole("button", { name: "Keep" }).click();
    await isClosed(dialog);
    expect(await signingKeys()).toEqual(before);
    dialog = await openDialog(page, button("Rotate"));
    await dialog.getByRole("button", { name: "Rotate", exact: true }).click();
    await isClosed(dialog);
    const after = await signingKeys();
    expect(after.current).toBe(before.next);
    expect(after.next).not.toBe(before.next);
    await button("Show the next key").click();
    await main.getByText(after.next, { exact: true }).waitFor();
    expect(await auditOf(shop, "POST /v2/keys/rotate")).toMatchObject({ status: 200 });

    // So soon after the first rotation the server wants to hear it twice.
    dialog = await openDialog(page, button("Rotate"));
    await dialog.getByRole("button", { name: "Rotate", exact: true }).click();
    await isRefused(dialog, /the signing keys were rotated at/, {});
    expect(await signingKeys()).toEqual(after);
    await dialog.getByRole("button", { name: "Rotate all the same" }).click();
    await isClosed(dialog);
    expect((await signingKeys()).current).toBe(after.next);
    const entry = await auditOf(shop, "POST /v2/keys/rotate");
    expect(entry).toMatchObject({ status: 200, query: "force=true" });
    noFaults(watched);
  });

  test("a token is shown once, and can what its scope says", async () => {
    const { shop } = world;
    const watched = await opened("/keys");
    const { page, button } = watched;
    await isLeftWithEscape(page, button("New token"));
    for (const [scope, looks, changes] of [
      ["read-only", 200, 403],
      ["publish-only", 403, 403],
      ["full", 200, 200],
    ] as const) {
      const dialog = await openDialog(page, button("New token"));
      await dialog.getByLabel("Scope").selectOption(scope);
      await fill(dialog, { Name: "two words" });
      await page.keyboard.press("Enter");
      await isRefused(dialog, /name must have 1 to 64 of/, { Name: "two words", Scope: scope });
      await fill(dialog, { Name: scope });
      await page.keyboard.press("Enter");
      await dialog.getByText("This is the only time that it is shown.").waitFor();
      const token = (await dialog.locator("code").textContent()) ?? "";
      expect(token.length).toBeGreaterThan(20);
      await dialog.getByRole("button", { name: "Close" }).last().click();
      await isClosed(dialog);
      await button(`Revoke ${scope}`).waitFor();
      expect(await page.content()).not.toContain(token);
      const authorization = `Bearer ${token}`;
      const send = async (method: string, path: string) =>
        (await fetch(`${shop.url}${path}`, { method, headers: { authorization } })).status;
      expect(await send("GET", "/v2/queues"), scope).toBe(looks);
      expect(await send("POST", "/v2/queues/mail/pause"), scope).toBe(changes);
    }
    expect(await auditOf(shop, "POST /v2/tokens")).toMatchObject({
      isDashboard: true,
      status: 201,
    });
    noFaults(watched);
  });

  test("two presses at once make one token", async () => {
    const watched = await opened("/keys");
    const { page, button } = watched;
    const dialog = await openDialog(page, button("New token"));
    await fill(dialog, { Name: "once" });
    await dialog.locator("form").evaluate((form) => {
      // Tests have no types of elements.
      const { requestSubmit } = form as unknown as { requestSubmit: () => void };
      requestSubmit.call(form);
      requestSubmit.call(form);
    });
    await dialog.getByText("This is the only time that it is shown.").waitFor();
    expect((await tokens()).filter(({ name }) => name === "once")).toHaveLength(1);
    noFaults(watched);
  });

  test("a token that is revoked ends what its holder does; one that only publishes cannot look", async () => {
    const { token } = await makeToken(world, "guest", "full");
    const guest = await opened("/queues", token);
    const watched = await opened("/keys");
    const { page, button } = watched;
    const dialog = await openDialog(page, button("Revoke guest"));
    await dialog.getByRole("button", { name: "Revoke", exact: true }).click();
    await isClosed(dialog);
    expect((await tokens()).map(({ name }) => name)).not.toContain("guest");
    const entry = await auditOf(world.shop, "DELETE /v2/tokens/:tokenId");
    expect(entry).toMatchObject({ status: 200, isDashboard: true });
    // The stream of changes ends with the session: nobody has to press anything.
    await guest.page.getByLabel("Token").waitFor();
    const app = await makeToken(world, "app", "publish-only");
    const refused = await logIn(world, app.token);
    await refused.page.getByRole("alert").waitFor();
    noFaults(watched);
  });

  test("settings say what holds, and of secrets only that they are there", async () => {
    const watched = await opened("/settings");
    const { page } = watched;
    const row = (name: string) => page.getByRole("row").filter({ hasText: name });
    await row("REPRISE_TOKEN").getByText("hidden").waitFor();
    await page.getByRole("heading", { name: "Retention" }).waitFor();
    expect(await page.content()).not.toContain(TOKEN);
    const { current, next } = await signingKeys();
    for (const key of [current, next]) expect(await page.content()).not.toContain(key);
    await page.getByLabel("Search").fill("log_level");
    await row("REPRISE_TOKEN").waitFor({ state: "detached" });
    await row("REPRISE_LOG_LEVEL").getByText("error").waitFor();
    await row("REPRISE_LOG_LEVEL").getByText("default").waitFor();
    noFaults(watched);
  });

  test("the audit log names who, from where, what, on what and how it ended, and is filtered by it", async () => {
    const { token } = await makeToken(world, "night-shift", "full");
    const night = await opened("/queues", token);
    let dialog = await openDialog(night.page, night.button("New queue"));
    await fill(dialog, { Name: "night mail" });
    await night.page.keyboard.press("Enter");
    await isRefused(dialog, /a queue name/, {});
    await fill(dialog, { Name: "night-mail" });
    await night.page.keyboard.press("Enter");
    await isClosed(dialog);
    await night.page.getByRole("button", { name: "Delete night-mail" }).click();
    dialog = night.page.getByRole("dialog");
    await dialog.getByRole("button", { name: "Delete", exact: true }).click();
    await isClosed(dialog);

    const watched = await opened("/audit");
    const { page } = watched;
    const rows = page.getByRole("table", { name: "Audit log" }).locator("tbody tr");
    const filter = page.getByLabel("Filter", { exact: true });
    const others = rows.filter({ hasNotText: "night-shift" });
    await others.first().waitFor();
    await filter.fill("token:night-shift from:1h");
    await page.keyboard.press("Enter");
    await others.first().waitFor({ state: "detached" });
    await rows.nth(2).waitFor();
    const told = await rows.allTextContents();
    expect(told).toHaveLength(3);
    for (const text of told) expect(text).toMatch(/night-shift dashboard.*127\.0\.0\.1/);
    expect(told[0]).toMatch(/DELETE \/v2\/queues\/:name.*night-mail.*done/);
    expect(told[1]).toMatch(/POST \/v2\/queues.*done/);
    expect(told[2]).toMatch(/POST \/v2\/queues.*refused, 400.*invalid_request/);

    await page.getByRole("link", { name: "DELETE /v2/queues/:name" }).click();
    await page.getByText("action", { exact: true }).waitFor();
    await rows.filter({ hasText: "POST" }).first().waitFor({ state: "detached" });
    await rows.filter({ hasText: "night-mail" }).waitFor();
    await page.getByRole("button", { name: "Clear" }).click();
    await filter.fill("nobody-has-done-this");
    await page.keyboard.press("Enter");
    await page.getByText("Nothing matches").waitFor();
    await page.getByRole("button", { name: "Clear" }).click();
    // What happens while somebody looks appears.
    await world.shop.ask("POST", "/v2/queues/mail/resume");
    await rows.filter({ hasText: "/resume" }).waitFor();
    noFaults(watched);
  });
});
