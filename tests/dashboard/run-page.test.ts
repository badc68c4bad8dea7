// The page of a run: where it stands in one sentence, its steps and attempts, what was sent and answered, and where it comes from.

import { execFile, spawnSync } from "node:child_process";
import { serve } from "@upstash/workflow";
import type { Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../conformance/until.ts";
import { type BrowserWorld, hasBrowser, noFaults, openPage, openWorld } from "./browser-world.ts";
import { failSome, serveFickle } from "./fickle.ts";
import { chooseVerb, ended, openedDialog } from "./recover-steps.ts";
import { letterOf, recoveredAs, runOf } from "./shop-facts.ts";

const hasCurl = spawnSync("curl", ["--version"]).status === 0;

/** Headers of a delivery that an app goes by. */
const SENT = [
  "content-type",
  "upstash-workflow-runid",
  "upstash-workflow-init",
  "upstash-workflow-url",
  "upstash-message-id",
  "upstash-signature",
  "upstash-label",
  "user-agent",
];

const NOTICE = `<!doctype html><html><head><title>Closed</title></head><body><h1>We are closed</h1>
<script>document.title = "it ran"</script><p>Come back at nine.</p></body></html>`;

describe.skipIf(!hasBrowser())("the page of a run", () => {
  let world: BrowserWorld;

  beforeAll(async () => {
    world = await openWorld();
  });

  afterAll(() => world?.close());

  async function openRun(runId: string, search = "") {
    const watched = await openPage(world, { permissions: ["clipboard-read", "clipboard-write"] });
    await watched.visit(`/runs/${runId}${search}`);
    return { ...watched, watched };
  }

  const says = (page: Page, words: RegExp) =>
    expect.poll(() => page.locator("[data-verdict]").textContent()).toMatch(words);

  const stepsOf = (page: Page): Locator =>
    page.getByRole("list", { name: "Steps" }).getByRole("listitem");

  /** Weighs at the third try, rests, wraps and stamps at the second try, side by side, and waits for the bell. */
  function serveJourney(): void {
    const tries = new Map<string, number>();
    const failsUntil = (name: string, good: number) => {
      const count = (tries.get(name) ?? 0) + 1;
      tries.set(name, count);
      if (count < good) throw new Error(`${name} went wrong`);
      return { name, count };
    };
    world.shop.serve("/journey", (qstashClient) => {
      const { handler } = serve(
        async (context) => {
          const id = context.workflowRunId;
          await context.run("weigh", () => failsUntil(`weigh ${id}`, 3));
          await context.sleep("rest", 1);
          await Promise.all([
            context.run("wrap", () => failsUntil(`wrap ${id}`, 2)),
            context.run("stamp", () => {
              failsUntil(`stamp ${id}`, 2);
              return { stamp: { colour: "blue", cents: 85 } };
            }),
          ]);
          const { eventData } = await context.waitForEvent("doorbell", `bell-${id}`, {
            timeout: "1d",
          });
          return { rung: eventData };
        },
        { qstashClient },
      );
      return handler;
    });
  }

  async function travel(): Promise<string> {
    const { shop } = world;
    serveJourney();
    const runId = await shop.trigger("/journey", { from: "Ulm" }, { retries: 3, retryDelay: "10" });
    await until("the bell to be waited for", async () => {
      const { steps } = await runOf(shop, runId);
      return steps.at(-1)?.steps[0]?.waitEventId !== undefined;
    });
    return runId;
  }

  test("one sentence says where it stands, and changes while it is read", async () => {
    const { shop } = world;
    const runId = await travel();
    const { page, watched } = await openRun(runId);
    await says(page, new RegExp(`^Waiting for event bell-${runId} until .* \\(in .*\\)\\.$`));
    await shop.client.notify({ eventId: `bell-${runId}`, eventData: "twice" });
    await says(page, /^Succeeded after .*, with 5 steps\.$/);
    noFaults(watched);
  });

  test("every other state has its sentence", async () => {
    const { shop } = world;
    const sleeping = await shop.trigger("/subscription", { plan: "yearly" });
    const failed = await shop.trigger("/order/failing", { id: 5 });
    await shop.reaches(failed, "RUN_FAILED");
    shop.tunnel = "offline";
    const tunnelled = await shop.trigger("/order", { id: 6 });
    await shop.reaches(tunnelled, "RUN_FAILED");
    shop.tunnel = null;
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    shop.serve("/slow", () => async () => {
      await gate;
      return new Response("too late", { status: 503 });
    });
    const running = await shop.trigger("/slow", {});
    shop.serve("/often", () => async () => new Response("busy", { status: 503 }));
    const retrying = await shop.trigger("/often", {}, { retries: 2, retryDelay: "36000000" });
    const sentences: readonly (readonly [string, RegExp])[] = [
      [sleeping, /^Sleeping until .* \(in 29 d .*\) in step 2 one month\.$/],
      [failed, /^Failed at step 2 .*: .*card of customer 5 was declined: insufficient funds\.$/],
      [tunnelled, /^Failed at step 1 after 1 attempt: 404 .*ERR_NGROK_3200/],
      [running, /^Running step 1: delivery in flight/],
      [retrying, /^Retrying step 1 .* \(in 9 h .*\): attempt 2 of 3, after 503 .*: busy\.$/],
    ];
    const { page, visit, watched } = await openRun(sleeping);
    for (const [runId, words] of sentences) {
      await visit(`/runs/${runId}`);
      await says(page, words);
    }
    const place = page.getByLabel("Where it stands");
    await visit(`/runs/${tunnelled}`);
    await place.getByText("Tunnel page").waitFor();
    await place.getByText("Start the tunnel and the app again").waitFor();
    release();
    noFaults(watched);
  });

  test("it is cancelled here, after a question", async () => {
    const { shop } = world;
    const runId = await shop.trigger("/subscription", { plan: "monthly" });
    const { page, watched } = await openRun(runId);
    await says(page, /^Sleeping /);
    await page.getByRole("button", { name: "Cancel", exact: true }).click();
    const dialog = await openedDialog(page);
    await dialog.getByRole("button", { name: "Keep" }).click();
    await dialog.waitFor({ state: "detached" });
    expect(await shop.stateOf(runId)).toBe("RUN_STARTED");
    await page.getByRole("button", { name: "Cancel", exact: true }).click();
    await dialog.getByRole("button", { name: "Cancel the run" }).click();
    await says(page, /^Cancelled after .*\.$/);
    expect(await shop.stateOf(runId)).toBe("RUN_CANCELED");
    noFaults(watched);
  });

  test("the timeline: attempts under their step, a sleep, branches side by side, a wait; [ and ] go between failures", async () => {
    const runId = await travel();
    const { page, watched } = await openRun(runId);
    const steps = stepsOf(page);
    const rows = [
      ["payload", "payload"],
      ["work", "weigh"],
      ["", "attempt 1"],
      ["", "attempt 2"],
      ["sleep", "rest"],
      ["work", "wrap"],
      ["", "attempt 1"],
      ["work", "stamp"],
      ["", "attempt 1"],
      ["wait", "bell"],
    ] as const;
    await expect.poll(() => steps.count()).toBe(rows.length);
    for (const [index, [kind, name]] of rows.entries()) {
      const row = steps.nth(index);
      if (name !== "bell") expect(await row.textContent()).toContain(name);
      if (kind !== "") await row.getByLabel(kind, { exact: true }).waitFor();
    }
    await steps.filter({ hasText: "2 side by side" }).filter({ hasText: "wrap" }).waitFor();
    const open = (name: string) => page.getByRole("region", { name, exact: true }).waitFor();
    for (const [key, name] of [
      ["]", "Step 1, weigh"],
      ["]", "Step 3, wrap"],
      ["]", "Step 4, stamp"],
      ["]", "Step 1, weigh"],
      ["[", "Step 4, stamp"],
      ["[", "Step 3, wrap"],
    ] as const) {
      await page.keyboard.press(key);
      await open(name);
    }
    noFaults(watched);
  });

  test("each attempt tells what came back and what the engine did then", async () => {
    const { shop } = world;
    const runId = await travel();
    const run = await runOf(shop, runId);
    const errors = run.steps[1]?.steps[0]?.errors ?? [];
    expect(errors).toHaveLength(2);
    const { page, watched } = await openRun(runId);
    for (const [index, error] of errors.entries()) {
      await stepsOf(page)
        .nth(2 + index)
        .click();
      const region = page.getByRole("region", { name: "Step 1, weigh" });
      await region.getByText(error.reason ?? "nothing").waitFor();
      await region.getByText(`POST ${shop.appUrl}/journey`).waitFor();
      await region.getByText(`weigh ${runId} went wrong`).first().waitFor();
    }
    noFaults(watched);
  });

  test("recorded results and payloads are trees, texts and bytes", async () => {
    const { shop } = world;
    const runId = await travel();
    await shop.client.notify({ eventId: `bell-${runId}`, eventData: "twice" });
    await shop.reaches(runId, "RUN_SUCCESS");
    const { page, watched } = await openRun(runId);
    await stepsOf(page).filter({ hasText: "stamp" }).first().click();
    const region = page.getByRole("region", { name: "Step 4, stamp" });
    await region.getByText("Recorded result").waitFor();
    await region.getByText('"blue"').waitFor();
    await region.getByRole("button", { name: "Hex" }).click();
    await region.getByText(/7b 22 73 74 61 6d 70 22/).waitFor();
    await region.getByRole("button", { name: "Text" }).click();
    await region.getByText('{"stamp":{"colour":"blue","cents":85}}').waitFor();
    await region.getByRole("button", { name: "Copy recorded result" }).click();
    await expect.poll(() => copied(page)).toBe('{"stamp":{"colour":"blue","cents":85}}');
    await page.getByRole("button", { name: "Payload and result" }).click();
    await page.getByText('"Ulm"').waitFor();
    await page.getByText('"twice"').waitFor();
    noFaults(watched);
  });

  const copied = (page: Page) => page.evaluate("navigator.clipboard.readText()");

  /** An app that keeps what it was sent, and answers with a page. */
  function serveMirror(path: string) {
    const received: { readonly headers: Headers; readonly body: string }[] = [];
    world.shop.serve(path, () => async (request) => {
      received.push({ headers: request.headers, body: await request.text() });
      const more = Object.fromEntries(["a", "b", "c", "d", "e"].map((name) => [`x-${name}`, name]));
      return new Response(NOTICE, {
        status: 503,
        headers: { "content-type": "text/html; charset=utf-8", "x-shop-door": "closed", ...more },
      });
    });
    return received;
  }

  test("a page as an answer: its headers are searched, its text and bytes are read, and it is shown in a frame where nothing runs", async () => {
    const { shop } = world;
    serveMirror("/mirror/page");
    const runId = await shop.trigger("/mirror/page", { id: 1 });
    await shop.reaches(runId, "RUN_FAILED");
    const { page, watched } = await openRun(runId);
    const region = page.getByRole("region", { name: /^Step 1/ });
    await region.getByText("x-shop-door").waitFor();
    await region.getByLabel("Search headers").first().fill("DOOR");
    await region.getByText("x-a", { exact: true }).waitFor({ state: "detached" });
    expect(await region.getByText("x-shop-door").count()).toBe(1);
    await region.getByText("<h1>We are closed</h1>").waitFor();
    await region.getByRole("button", { name: "Hex" }).first().click();
    await region.getByText("3c 21 64 6f 63 74 79 70 65").waitFor();
    await region.getByRole("button", { name: "Preview" }).click();
    const frame = region.locator("iframe");
    expect(await frame.getAttribute("sandbox")).toBe("");
    await frame.contentFrame().getByRole("heading", { name: "We are closed" }).waitFor();
    expect(await frame.contentFrame().locator("script").count()).toBe(0);
    noFaults(watched);
  });

  test.skipIf(!hasCurl)("a copied curl call sends the app what the server sent it", async () => {
    const { shop } = world;
    const received = serveMirror("/mirror/curl");
    const body = { text: 'it\'s 5 > 4, \\ "so" $HOME `ls` %s\nä €' };
    const runId = await shop.trigger("/mirror/curl", body, { label: "curl" });
    await shop.reaches(runId, "RUN_FAILED");
    const [first] = received;
    const { page, visit, watched } = await openRun(runId);
    const dlqId = (await letterOf(shop, runId))?.dlqId ?? "";
    const places: readonly (readonly [string, readonly string[]])[] = [
      [`/runs/${runId}`, SENT],
      [`/runs/${runId}?tab=payload`, ["content-type"]],
      [`/failures/entries?open=${dlqId}`, SENT],
    ];
    for (const [place, names] of places) {
      await visit(place);
      if (place.startsWith("/failures")) await page.getByRole("tab", { name: "Request" }).click();
      // The steps have such a button, too.
      if (place.endsWith("payload"))
        await page.getByRole("button", { name: "Payload and result", pressed: true }).waitFor();
      // What the dead letter has kept is read behind the run itself.
      if (names === SENT) await page.getByText("Upstash-Signature").first().waitFor();
      await page.evaluate("navigator.clipboard.writeText('')");
      await page.getByRole("button", { name: "Copy as curl" }).click();
      const command = await until("the command to be copied", async () => {
        const text = String(await copied(page));
        return text === "" ? null : text;
      });
      const before = received.length;
      expect(await carryOut(command)).toContain("We are closed");
      expect(received).toHaveLength(before + 1);
      const last = received.at(-1);
      // Of an attempt the headers alone are kept.
      const sent = place === `/runs/${runId}` ? "" : JSON.stringify(body);
      expect(last?.body, place).toBe(sent);
      for (const name of names) {
        expect(last?.headers.get(name), name).toBe(first?.headers.get(name));
      }
    }
    noFaults(watched);
  });

  /** Not at once: the app that curl asks is this process. */
  function carryOut(command: string): Promise<string> {
    return new Promise((resolve, reject) => {
      execFile("bash", ["-c", command], (error, stdout) =>
        error === null ? resolve(stdout) : reject(error),
      );
    });
  }

  test("the raw events, all of them, and one as the API has it", async () => {
    const { shop } = world;
    const runId = await shop.trigger("/order", { id: 8 });
    await shop.reaches(runId, "RUN_SUCCESS");
    const found = await shop.ask("GET", `/v2/workflows/events?workflowRunId=${runId}&count=200`);
    const { events } = found as { readonly events: readonly { readonly state: string }[] }; // So it answers.
    const { page, watched } = await openRun(runId, "?tab=events");
    await page.getByText(`${events.length} in all`).waitFor();
    const grid = page.getByRole("grid", { name: "Events of the run" });
    await grid.getByRole("row").filter({ hasText: "the run" }).first().click();
    await page.getByRole("dialog").getByText(`"${runId}"`).first().waitFor();
    noFaults(watched);
  });

  test("lineage: invoked by, children, resumed from, restarted as; each link leads there", async () => {
    const { shop } = world;
    const parent = await shop.trigger("/bundle", {});
    await shop.reaches(parent, "RUN_SUCCESS");
    const { page, visit, watched } = await openRun(parent);
    const child =
      (await page.getByRole("definition").getByRole("link").first().textContent()) ?? "";
    await page.getByRole("link", { name: child }).first().click();
    await page.getByText("Invoked by").waitFor();
    await page.getByRole("link", { name: parent }).click();
    await page.getByText("Invoked", { exact: true }).waitFor();
    const fickle = serveFickle(shop, "/belt/lineage");
    for (const [verb, past] of [
      ["resume", "Resumed"],
      ["restart", "Restarted"],
    ] as const) {
      fickle.isBroken = true;
      const [runId = ""] = await failSome(shop, fickle, 1);
      fickle.isBroken = false;
      const { dlqId } = (await letterOf(shop, runId)) ?? {};
      await shop.ask("POST", `/v2/workflows/dlq/${verb}/${dlqId}`);
      const { workflowRunId: next } = await recoveredAs(shop, runId, "RUN_SUCCESS");
      await visit(`/runs/${runId}`);
      await page.getByText(`${past} as`).waitFor();
      await page.getByRole("definition").getByRole("link", { name: next }).click();
      await page.getByText(`${past} from`).waitFor();
      await page.getByRole("link", { name: runId }).waitFor();
      expect(await page.getByRole("button", { name: "Resume" }).count()).toBe(0);
    }
    noFaults(watched);
  });

  test("the failure function: what it was told, what it answered, and once more", async () => {
    const { shop } = world;
    const fickle = serveFickle(shop, "/belt/deaf");
    fickle.isDeaf = true;
    const [runId = ""] = await failSome(shop, fickle, 1);
    fickle.isDeaf = false;
    const { page, watched } = await openRun(runId);
    await page.getByRole("button", { name: "Failure function" }).click();
    const main = page.getByRole("main");
    await main.getByText("nobody listens").first().waitFor();
    await main.getByText("It was told: 500").waitFor();
    await main.getByText("the belt is torn").first().waitFor();
    await main.getByRole("button", { name: "Re-run" }).click();
    const dialog = await openedDialog(page);
    const chosen = dialog.getByRole("radio", { name: /^Re-run failure function/ });
    expect(await chosen.isChecked()).toBe(true);
    await (await chooseVerb(dialog, "callback", 1)).click();
    await ended(dialog, "1 of 1 called again");
    await dialog.getByRole("button", { name: "Close" }).last().click();
    await main.getByText("It answered 200").waitFor();
    await main.getByText("noted").first().waitFor();
    expect((await runOf(shop, runId)).failureFunction?.state).toBe("CALLBACK_SUCCESS");
    expect(fickle.ran.told).toBe(1);
    noFaults(watched);
  });
});
