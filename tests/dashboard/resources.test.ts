// Queues, schedules, URL groups and flow control: what a person does on their pages happens on the server, and is in the audit log.

import type { FlowControlResource, QueueResource, ScheduleResource } from "@reprise/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../conformance/until.ts";
import { auditOf, BY_DASHBOARD } from "./audit-trail.ts";
import { type BrowserWorld, hasBrowser, noFaults, openPage, openWorld } from "./browser-world.ts";
import { fill, isClosed, isLeftWithEscape, isRefused, openDialog } from "./dialogs.ts";

const DONE = { ...BY_DASHBOARD, status: 200 };

describe.skipIf(!hasBrowser())("resources", () => {
  let world: BrowserWorld;

  beforeAll(async () => {
    world = await openWorld();
  });

  afterAll(() => world?.close());

  const list = async <T>(path: string): Promise<readonly T[]> =>
    (await world.shop.ask("GET", path)) as readonly T[]; // The answer of this server.

  async function opened(place: string, table: string) {
    const watched = await openPage(world);
    await watched.visit(place);
    const { page } = watched;
    const button = (name: string) => page.getByRole("button", { name, exact: true });
    const row = (name: string) =>
      page.getByRole("table", { name: table }).getByRole("row").filter({ hasText: name });
    const inRow = (name: string, verb: string) => row(name).getByRole("button", { name: verb });
    return { ...watched, button, row, inRow };
  }

  test("a queue: made, changed, its line read, paused, resumed and deleted with its messages", async () => {
    const { shop } = world;
    const watched = await opened("/queues", "Queues");
    const { page, button, row, inRow } = watched;
    const queue = async () => (await list<QueueResource>("/v2/queues"))[0];
    await isLeftWithEscape(page, button("New queue"));
    let dialog = await openDialog(page, button("New queue"));
    await fill(dialog, { Name: "a/b", "Deliveries at a time": "2" });
    await page.keyboard.press("Enter");
    await isRefused(dialog, /a queue name must be 1 to .* got "a\/b"/, { Name: "a/b" });
    await fill(dialog, { Name: "parcels", "Deliveries at a time": "0" });
    await page.keyboard.press("Enter");
    const typed = { Name: "parcels", "Deliveries at a time": "0" };
    await isRefused(dialog, /parallelism must be a whole number of 1 or more, got 0/, typed);
    expect(await queue()).toBeUndefined();
    expect(await auditOf(shop, "POST /v2/queues")).toMatchObject({
      ...BY_DASHBOARD,
      status: 400,
      error: "invalid_request",
    });
    await fill(dialog, { "Deliveries at a time": "2" });
    await page.keyboard.press("Enter");
    await isClosed(dialog);
    expect(await queue()).toMatchObject({ name: "parcels", parallelism: 2, paused: false });
    expect(await auditOf(shop, "POST /v2/queues")).toMatchObject(DONE);

    dialog = await openDialog(page, inRow("parcels", "Change"));
    await fill(dialog, { "Deliveries at a time": "3" });
    await dialog.getByRole("button", { name: "Save" }).click();
    await isClosed(dialog);
    expect(await queue()).toMatchObject({ parallelism: 3 });
    for (let index = 0; index < 5; index++) {
      await shop.ask("POST", `/v2/enqueue/parcels/${shop.appUrl}/held/${index}`);
    }
    dialog = await openDialog(page, row("parcels").getByRole("button", { name: /^5, holders/ }));
    await dialog.getByRole("heading", { name: "In flight 3" }).waitFor();
    await dialog.getByRole("heading", { name: "Waiting, first in line first 2" }).waitFor();
    expect(await dialog.getByRole("link", { name: /^msg_/ }).count()).toBe(5);
    await page.keyboard.press("Escape");
    await isClosed(dialog);

    await inRow("parcels", "Pause").click();
    await row("parcels").getByText("paused").waitFor();
    expect(await queue()).toMatchObject({ paused: true });
    expect(await auditOf(shop, "POST /v2/queues/:name/pause", "parcels")).toMatchObject(DONE);
    await inRow("parcels", "Resume").click();
    await row("parcels").getByText("running").waitFor();
    expect(await queue()).toMatchObject({ paused: false });
    expect(await auditOf(shop, "POST /v2/queues/:name/resume", "parcels")).toMatchObject(DONE);

    dialog = await openDialog(page, inRow("parcels", "Delete parcels"));
    await dialog.getByText("Its 5 messages that are not finished are deleted with it.").waitFor();
    await dialog.getByRole("button", { name: "Keep" }).click();
    await isClosed(dialog);
    expect(await queue()).toMatchObject({ lag: 5 });
    dialog = await openDialog(page, inRow("parcels", "Delete parcels"));
    await dialog.getByRole("button", { name: "Delete", exact: true }).click();
    await isClosed(dialog);
    await page.getByText("There is no queue yet").waitFor();
    expect(await queue()).toBeUndefined();
    expect(await auditOf(shop, "DELETE /v2/queues/:name", "parcels")).toMatchObject(DONE);
    noFaults(watched);
  });

  test("a schedule: faults told, next runs on the clock of its zone, paused, resumed, replaced, deleted", async () => {
    const { shop } = world;
    const watched = await opened("/schedules", "Schedules");
    const { page, button, row, inRow } = watched;
    const schedules = () => list<ScheduleResource>("/v2/schedules");
    await isLeftWithEscape(page, button("New schedule"));
    let dialog = await openDialog(page, button("New schedule"));
    const to = `${shop.appUrl}/notify/report?token=of-the-destination`;
    await fill(dialog, { To: to, Cron: "61 9 * * *", "Time zone": "Europe/Berlin", Id: "daily" });
    await dialog.getByRole("alert").filter({ hasText: /61/ }).waitFor();
    await dialog.getByRole("button", { name: "Make" }).click();
    await isRefused(dialog, /minute/, { To: to, Cron: "61 9 * * *", Id: "daily" });
    await fill(dialog, { Cron: "30 9 * * *", "Time zone": "Mars/Olympus" });
    await dialog
      .getByRole("alert")
      .filter({ hasText: /Mars\/Olympus/ })
      .waitFor();
    expect(await schedules()).toEqual([]);

    await fill(dialog, { "Time zone": "Europe/Berlin", Body: '{"kind":"report"}' });
    await dialog.getByText("Next, on the clock of Europe/Berlin:").waitFor();
    const shown = await dialog.getByRole("listitem").allTextContents();
    expect(shown).toHaveLength(5);
    for (const text of shown) expect(text).toContain("09:30:00");
    await dialog.getByLabel("Id").press("Enter");
    await isClosed(dialog);
    const [made] = await schedules();
    expect(made).toMatchObject({
      scheduleId: "daily",
      cron: "CRON_TZ=Europe/Berlin 30 9 * * *",
      destination: to,
      body: '{"kind":"report"}',
      isPaused: false,
    });
    const clock = { timeZone: "Europe/Berlin", timeStyle: "short" } as const;
    const next = new Intl.DateTimeFormat("en-GB", clock).format(made?.nextScheduleTime);
    expect(next).toBe("09:30");
    // Of a destination no more than its host is kept.
    expect(await auditOf(shop, "POST /v2/schedules/*", shop.appUrl)).toMatchObject(DONE);

    await inRow("daily", "Pause").click();
    await row("daily").getByText("paused").waitFor();
    expect(await schedules()).toMatchObject([{ isPaused: true }]);
    expect(await auditOf(shop, "POST /v2/schedules/*", "daily/pause")).toMatchObject(DONE);
    await inRow("daily", "Resume").click();
    await inRow("daily", "Pause").waitFor();
    expect(await schedules()).toMatchObject([{ isPaused: false }]);
    expect(await auditOf(shop, "POST /v2/schedules/*", "daily/resume")).toMatchObject(DONE);

    dialog = await openDialog(page, button("New schedule"));
    await fill(dialog, { To: to, Cron: "@every 10m", "Time zone": "", Id: "daily" });
    await dialog.getByRole("button", { name: "Make" }).click();
    await isClosed(dialog);
    expect(await schedules()).toMatchObject([{ scheduleId: "daily", cron: "@every 10m" }]);
    dialog = await openDialog(page, button("daily"));
    await dialog.getByText("Next, on the clock of UTC:").waitFor();
    await dialog.getByText(`POST ${to}`).waitFor();
    await page.keyboard.press("Escape");
    await isClosed(dialog);

    dialog = await openDialog(page, inRow("daily", "Delete daily"));
    await dialog.getByRole("button", { name: "Delete", exact: true }).click();
    await isClosed(dialog);
    expect(await schedules()).toEqual([]);
    expect(await auditOf(shop, "DELETE /v2/schedules/:id", "daily")).toMatchObject(DONE);
    noFaults(watched);
  });

  test("a URL group: made with its first endpoint, added to, published to, taken from and deleted", async () => {
    const { shop } = world;
    const watched = await opened("/url-groups", "none");
    const { page, button } = watched;
    const groups = () => list<object>("/v2/topics");
    await isLeftWithEscape(page, button("New group"));
    let dialog = await openDialog(page, button("New group"));
    const mail = `${shop.appUrl}/notify/mail`;
    await fill(dialog, { Group: "bad/name", URL: mail });
    await page.keyboard.press("Enter");
    await isRefused(dialog, /the name of the URL group must be 1 to/, { Group: "bad/name" });
    await fill(dialog, { Group: "customers", URL: "mail.example" });
    await page.keyboard.press("Enter");
    await isRefused(dialog, /endpoints\[0\]\.url/, { Group: "customers", URL: "mail.example" });
    expect(await groups()).toEqual([]);
    await fill(dialog, { URL: mail });
    await page.keyboard.press("Enter");
    await isClosed(dialog);
    expect(await groups()).toMatchObject([{ name: "customers", endpoints: [{ url: mail }] }]);
    const action = "POST /v2/topics/:name/endpoints";
    expect(await auditOf(shop, action, "customers")).toMatchObject(DONE);

    dialog = await openDialog(page, button("Add"));
    const sms = { name: "sms", url: `${shop.appUrl}/notify/sms` };
    await fill(dialog, { URL: sms.url, "Name of the endpoint": sms.name });
    await dialog.getByRole("button", { name: "Save" }).click();
    await isClosed(dialog);
    expect(await groups()).toMatchObject([{ endpoints: [{ url: mail }, sms] }]);
    const sent = await shop.ask("POST", "/v2/publish/customers", { body: "hello" });
    expect(sent).toHaveLength(2);

    await button(`Remove ${mail}`).click();
    await button(`Remove ${mail}`).waitFor({ state: "detached" });
    expect(await groups()).toMatchObject([{ endpoints: [sms] }]);
    const removal = await auditOf(shop, "DELETE /v2/topics/:name/endpoints", "customers");
    expect(removal).toMatchObject(DONE);
    dialog = await openDialog(page, button("Delete customers"));
    await dialog.getByRole("button", { name: "Delete", exact: true }).click();
    await isClosed(dialog);
    expect(await groups()).toEqual([]);
    expect(await auditOf(shop, "DELETE /v2/topics/:name", "customers")).toMatchObject(DONE);
    noFaults(watched);
  });

  test("flow control: holders and line, paused, resumed, pinned, unpinned, the rate begun anew", async () => {
    const { shop } = world;
    const key = "tenant acme/eu";
    const flow = async () => (await list<FlowControlResource>("/v2/flowControl"))[0];
    const headers = {
      "Upstash-Flow-Control-Key": key,
      "Upstash-Flow-Control-Value": "parallelism=2,rate=20,period=3600",
    };
    for (let index = 0; index < 5; index++) {
      await shop.ask("POST", `/v2/publish/${shop.appUrl}/held/flow-${index}`, { headers });
    }
    const watched = await opened("/flow-control", "Flow-control keys");
    const { page, row, inRow } = watched;
    await row(key).getByText("full").waitFor();
    let dialog = await openDialog(page, row(key).getByRole("button", { name: /^3, holders/ }));
    await dialog.getByRole("heading", { name: "In flight 2" }).waitFor();
    await dialog.getByRole("heading", { name: "Waiting, first in line first 3" }).waitFor();
    await page.keyboard.press("Escape");
    await isClosed(dialog);

    await inRow(key, "Pause").click();
    await row(key).getByText("paused").waitFor();
    expect(await flow()).toMatchObject({ isPaused: true });
    expect(await auditOf(shop, "POST /v2/flowControl/*", `${key}/pause`)).toMatchObject(DONE);
    await inRow(key, "Resume").click();
    await row(key).getByText("full").waitFor();
    expect(await flow()).toMatchObject({ isPaused: false });
    expect(await auditOf(shop, "POST /v2/flowControl/*", `${key}/resume`)).toMatchObject(DONE);

    await isLeftWithEscape(page, inRow(key, "Pin"));
    dialog = await openDialog(page, inRow(key, "Pin"));
    await fill(dialog, { "At once": "0" });
    await page.keyboard.press("Enter");
    await isRefused(dialog, /parallelism/, { "At once": "0" });
    expect(await flow()).toMatchObject({ parallelismMax: 2, isPinnedParallelism: false });
    await fill(dialog, { "At once": "3", "Starts in a period": "30" });
    await page.keyboard.press("Enter");
    await isClosed(dialog);
    await row(key).getByText("rate pinned").waitFor();
    const pinned = { isPinnedParallelism: true, isPinnedRate: true, parallelismMax: 3 };
    expect(await flow()).toMatchObject({ ...pinned, rateMax: 30 });
    // The third place is there for the first in line.
    await until("a third delivery", async () => (await flow())?.parallelismCount === 3);
    expect(await auditOf(shop, "POST /v2/flowControl/*", `${key}/pin`)).toMatchObject(DONE);
    dialog = await openDialog(page, inRow(key, "Pin"));
    await dialog.getByRole("button", { name: "Unpin" }).click();
    await isClosed(dialog);
    expect(await flow()).toMatchObject({ isPinnedParallelism: false, isPinnedRate: false });

    expect((await flow())?.rateCount).toBeGreaterThan(0);
    await inRow(key, "Reset rate").click();
    expect(await auditOf(shop, "POST /v2/flowControl/*", `${key}/resetRate`)).toMatchObject(DONE);
    expect(await flow()).toMatchObject({ rateCount: 0 });
    await page.getByLabel("Search").fill("nobody has this");
    await page.getByText("No key contains this").waitFor();
    noFaults(watched);
  });

  test("what is paused while something waits is on the overview, which leads to the right page", async () => {
    const { shop } = world;
    const json = { "content-type": "application/json" };
    const body = JSON.stringify({ queueName: "shared", paused: true });
    await shop.ask("POST", "/v2/queues", { headers: json, body });
    await shop.ask("POST", `/v2/enqueue/shared/${shop.appUrl}/notify/later`);
    await shop.ask("POST", "/v2/flowControl/shared/pause");
    const headers = {
      "Upstash-Flow-Control-Key": "shared",
      "Upstash-Flow-Control-Value": "parallelism=1",
    };
    await shop.ask("POST", `/v2/publish/${shop.appUrl}/notify/later`, { headers });
    const watched = await openPage(world);
    const { page, visit } = watched;
    await visit("/");
    const attention = page.getByRole("region", { name: "Needs attention" });
    await attention.getByRole("link", { name: /Paused · queue shared/ }).click();
    await page.getByRole("heading", { name: "Queues" }).waitFor();
    await visit("/");
    await attention.getByRole("link", { name: /Paused · flow-control key shared/ }).click();
    await page.getByRole("table", { name: "Flow-control keys" }).waitFor();
    expect(await page.getByLabel("Search").inputValue()).toBe("shared");
    // Every span of time that the overview offers is one that the server knows.
    await visit("/");
    const spans = page.getByRole("group", { name: "Time" }).getByRole("button", { pressed: false });
    await expect.poll(() => spans.count()).toBeGreaterThan(1);
    for (const span of await spans.allTextContents()) {
      const asked = page.waitForResponse((answer) => answer.url().endsWith(`window=${span}`));
      await page.getByRole("button", { name: span, exact: true }).click();
      expect((await asked).status(), span).toBe(200);
    }
    noFaults(watched);
  });
});
