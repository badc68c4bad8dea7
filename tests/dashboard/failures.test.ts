// Failures: the groups of what went wrong, their entries, each filter of the API, and each cause that has a name.

import type { DeadLetterResource, FailureGroup, FailureGroupPage } from "@reprise/protocol";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../conformance/until.ts";
import { type BrowserWorld, hasBrowser, noFaults, openPage, openWorld } from "./browser-world.ts";
import { CLOSED_URL, serveCauses, serveDeaf } from "./failing-apps.ts";
import { failSome, serveFickle } from "./fickle.ts";
import { letterOf, lettersOf } from "./shop-facts.ts";

/** Every row is in the document. */
const TALL = { viewport: { width: 1_600, height: 2_400 } };
/** What a person reads of each cause: its name, and a part of the advice. */
const NAMED = [
  ["unreachable", "Unreachable", "Start the app or correct its address"],
  ["timeout", "Timeout", "Make the step shorter"],
  ["tunnel_page", "Tunnel page", "Start the tunnel and the app again"],
  ["redirect_to_login", "Redirect to login", "Let this route through without a login"],
  ["signature_mismatch", "Signature mismatch", "the current and the next signing key"],
  ["not_a_workflow", "Not a workflow", "the route that serves the workflow"],
  ["old_sdk", "Old SDK", "Update the SDK of the app"],
  ["non_retryable", "Not retryable", "mend the code or the data"],
  ["payload_refused", "Payload refused", "Compare payload and schema"],
  ["client_error", "Client error", "Read the answer"],
  ["server_error", "Server error", "the app's own logs at the time of the failure"],
  ["step_error", "Step error", "deploy the fix, then resume"],
] as const;

describe.skipIf(!hasBrowser())("failures", () => {
  let world: BrowserWorld;
  /** A failed run of each cause. */
  const runs = new Map<string, string>();
  /** Their failure functions are called again in ten minutes. */
  const patient: string[] = [];

  beforeAll(async () => {
    world = await openWorld();
    const { shop } = world;
    const { workflowRunId } = await shop.client.trigger({
      url: CLOSED_URL,
      retries: 0,
      label: "all",
    });
    runs.set("unreachable", workflowRunId);
    for (const [cause, path] of Object.entries(serveCauses(shop))) {
      if (cause === "tunnel_page") shop.tunnel = "offline";
      const isOld = cause === "old_sdk";
      const runId = isOld
        ? await triggerOverRest(path)
        : await shop.trigger(path, { id: 7 }, { label: "all" });
      runs.set(cause, runId);
      await shop.reaches(runId, "RUN_FAILED");
      shop.tunnel = null;
    }
    await shop.reaches(workflowRunId, "RUN_FAILED");
    const fickle = serveFickle(shop, "/belt/told");
    await failSome(shop, fickle, 3, {
      label: "belt",
      flowControl: { key: "belt-key", parallelism: 5 },
    });
    fickle.isDeaf = true;
    await failSome(shop, fickle, 1, { label: "belt" });
    serveDeaf(shop, "/patient");
    for (let count = 0; count < 2; count += 1) {
      patient.push(await shop.trigger("/patient", {}, { retries: 1, retryDelay: "600000" }));
    }
    for (const runId of patient) await reaches(runId, "CALLBACK_INPROGRESS");
    // Lists by how the failure functions fared stay as they are from now on.
    for (const [cause, runId] of runs) {
      await until(`the failure function of ${cause} to have had its turn`, async () => {
        const letter = await letterOf(shop, runId);
        return letter !== null && letter.failureFunctionState !== "CALLBACK_INPROGRESS";
      });
    }
  });

  afterAll(() => world?.close());

  /** As no SDK does it: there an old one behind the URL is refused. */
  async function triggerOverRest(path: string): Promise<string> {
    const answer = await world.shop.ask("POST", `/v2/trigger/${world.shop.appUrl}${path}`, {
      headers: { "Upstash-Retries": "0", "Upstash-Label": "all" },
      body: "{}",
    });
    return (answer as { readonly workflowRunId: string }).workflowRunId; // So it answers.
  }

  const reaches = (runId: string, state: string) =>
    until(`the failure function of ${runId} to be ${state}`, async () => {
      return (await letterOf(world.shop, runId))?.failureFunctionState === state;
    });

  const letterTo = async (cause: string): Promise<DeadLetterResource> => {
    const letter = await letterOf(world.shop, runs.get(cause) ?? "");
    if (letter === null) throw new Error(`nothing has failed by ${cause}`);
    return letter;
  };

  test.each(NAMED)(
    "%s is named %j in the list, at the entry and on the page of the run, with what to do",
    async (cause, title, advice) => {
      const letter = await letterTo(cause);
      expect(letter.cause).toBe(cause);
      const watched = await openPage(world, TALL);
      const { page, visit } = watched;
      await visit("/failures/entries?label=all");
      const row = page.getByRole("row").filter({ hasText: letter.workflowRunId });
      await row.getByText(title, { exact: true }).waitFor();
      await visit(`/failures/entries?open=${letter.dlqId}`);
      const pane = page.getByRole("complementary", { name: `Dead letter ${letter.dlqId}` });
      await pane.getByText(title, { exact: true }).waitFor();
      await pane.getByText(advice).waitFor();
      await pane
        .getByText(letter.reason ?? "")
        .first()
        .waitFor();
      await visit(`/runs/${letter.workflowRunId}`);
      const verdict = page.getByLabel("Where it stands");
      await verdict.getByText(title, { exact: true }).waitFor();
      await verdict.getByText(advice).waitFor();
      noFaults(watched);
    },
  );

  async function groupsOf(): Promise<readonly FailureGroup[]> {
    const path = "/v2/workflows/dlq/groups?count=100";
    const page = (await world.shop.ask("GET", path)) as FailureGroupPage; // The answer of this path.
    return page.groups;
  }

  test("groups have a count, a span of time, a sparkline and an end, and lead to their entries", async () => {
    const { shop } = world;
    const group = (await groupsOf()).find(({ url }) => url === `${shop.appUrl}/belt/told`);
    expect(group).toMatchObject({ count: 4, cause: "step_error", stepName: "finish" });
    const watched = await openPage(world, TALL);
    const { page, visit } = watched;
    await visit("/failures");
    const row = page.getByRole("row").filter({ hasText: "/belt/told" });
    await row.getByText("4", { exact: true }).waitFor();
    await row.getByText("Step error").waitFor();
    await row.getByText("finish").waitFor();
    await row.getByRole("img", { name: /^4 failures in the / }).waitFor();
    const times = await Promise.all(
      (await row.locator("time").all()).map((time) => time.getAttribute("datetime")),
    );
    const iso = (at: number | null | undefined) => new Date(at ?? 0).toISOString();
    expect(times).toEqual([group?.lastFailedAt, group?.firstFailedAt, group?.expiresAt].map(iso));
    const rowCount = (await groupsOf()).length + 1;
    await expect.poll(() => page.getByRole("row").count()).toBe(rowCount);
    await page.getByRole("combobox", { name: "Order" }).selectOption("count");
    await expect.poll(() => page.getByRole("row").nth(1).textContent()).toContain("/belt/told");
    await row.getByText("Step error").click();
    await page.getByRole("heading", { name: "Failed entries" }).waitFor();
    await lists(page, await lettersOf(shop, { groupId: group?.groupId ?? "" }));
    noFaults(watched);
  });

  /** The page lists these and no others, the newest first. */
  async function lists(page: Page, letters: readonly DeadLetterResource[]): Promise<void> {
    const wanted = letters
      .map(({ dlqId, workflowRunId }) => ({ key: Number(dlqId.split("-")[1]), workflowRunId }))
      .sort((one, other) => other.key - one.key)
      .map(({ workflowRunId }) => workflowRunId);
    const links = page.getByRole("grid").getByRole("link", { name: /^wfr_/ });
    await expect.poll(() => links.allTextContents()).toEqual(wanted);
  }

  test("each filter of the API, as a chip, narrows the list exactly like the API", async () => {
    const { shop } = world;
    const all = await lettersOf(shop);
    const tunnelled = await letterTo("tunnel_page");
    const stepError = await letterTo("step_error");
    const at = (letter: DeadLetterResource) => letter.dlqId.split("-")[0] ?? "";
    const filters: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
      [`workflow:${shop.appUrl}/order`, { workflowUrl: `${shop.appUrl}/order` }],
      [`run:${stepError.workflowRunId}`, { workflowRunId: stepError.workflowRunId }],
      ["label:belt", { label: "belt" }],
      ["status:404", { responseStatus: "404" }],
      ["status:0", { responseStatus: "0" }],
      ["function:success", { failureFunctionState: "CALLBACK_SUCCESS" }],
      ["function:fail", { failureFunctionState: "CALLBACK_FAIL" }],
      ["function:inprogress", { failureFunctionState: "CALLBACK_INPROGRESS" }],
      ["function:none", { failureFunctionState: "NONE" }],
      [`group:${tunnelled.groupId}`, { groupId: tunnelled.groupId ?? "" }],
      [`message:${tunnelled.messageId}`, { messageId: tunnelled.messageId }],
      ["flow:belt-key", { flowControlKey: "belt-key" }],
      [`caller:${stepError.callerIP}`, { callerIp: stepError.callerIP }],
      ["caller:203.0.113.9", { callerIp: "203.0.113.9" }],
      [
        `created:${stepError.workflowCreatedAt}`,
        { workflowCreatedAt: String(stepError.workflowCreatedAt) },
      ],
      [`from:${at(stepError)}`, { fromDate: at(stepError) }],
      [`to:${at(tunnelled)}`, { toDate: at(tunnelled) }],
      ["label:belt function:fail", { label: "belt", failureFunctionState: "CALLBACK_FAIL" }],
    ];
    const watched = await openPage(world, TALL);
    const { page, visit } = watched;
    await visit("/failures/entries");
    await lists(page, all);
    for (const [typed, filter] of filters) {
      const wanted = await lettersOf(shop, filter);
      expect(wanted.length, typed).toBeLessThanOrEqual(all.length);
      const input = page.locator("[data-search]");
      await input.fill(typed);
      await page.keyboard.press("Enter");
      if (wanted.length > 0) await lists(page, wanted);
      else await page.getByText("No entry matches").waitFor();
      for (const term of typed.split(" ")) {
        const key = term.slice(0, term.indexOf(":"));
        const value = term.slice(key.length + 1);
        await page.getByRole("button", { name: `Remove ${key} ${value}`, exact: true }).click();
      }
      await lists(page, all);
    }
    noFaults(watched);
  });

  test("a failure function that waits for its retry is given up; how all of them fared leads to their entries", async () => {
    const { shop } = world;
    const [runId = ""] = patient;
    const watched = await openPage(world, TALL);
    const { page, visit } = watched;
    await visit(`/failures/entries?open=${(await letterOf(shop, runId))?.dlqId}`);
    await page.getByRole("complementary").getByRole("button", { name: "Give up" }).click();
    await reaches(runId, "CALLBACK_CANCELED");
    await page.getByRole("complementary").getByText("cancelled").waitFor();
    const states: readonly (readonly [string, string])[] = [
      ["CALLBACK_FAIL", "failed"],
      ["CALLBACK_INPROGRESS", "in progress"],
      ["CALLBACK_SUCCESS", "succeeded"],
      ["CALLBACK_CANCELED", "cancelled"],
      ["NONE", "without one"],
    ];
    for (const [state, word] of states) {
      const letters = await lettersOf(shop, { failureFunctionState: state });
      expect(letters.length, state).toBeGreaterThan(0);
      await visit("/failures");
      const link = page.getByRole("link", { name: `${word}${letters.length}` });
      await link.or(page.getByRole("link", { name: `${word} ${letters.length}` })).click();
      await lists(page, letters);
    }
    noFaults(watched);
  });

  test("what cannot be a filter is told, and nothing is chosen by it", async () => {
    const watched = await openPage(world, TALL);
    const { page, visit } = watched;
    await visit("/failures/entries?status=often");
    await page
      .getByRole("alert")
      .getByText(/status cannot be "often"/)
      .waitFor();
    expect(await page.getByRole("button", { name: "Recover all that match" }).isDisabled()).toBe(
      true,
    );
    noFaults(watched);
  });

  test("e saves what the filter shows", async () => {
    const { shop } = world;
    const watched = await openPage(world, TALL);
    const { page, visit } = watched;
    await visit("/failures/entries?label=belt");
    const letters = await lettersOf(shop, { label: "belt" });
    await lists(page, letters);
    const download = page.waitForEvent("download");
    await page.keyboard.press("e");
    const file = await (await download).createReadStream();
    const text = (await file.toArray()).join("");
    const saved = text
      .trimEnd()
      .split("\n")
      .map((line) => (JSON.parse(line) as DeadLetterResource).dlqId); // As the API answers.
    expect(saved.toSorted()).toEqual(letters.map(({ dlqId }) => dlqId).toSorted());
    noFaults(watched);
  });

  test("an entry shows all that is kept, and is held and released", async () => {
    const { shop } = world;
    const letter = await letterTo("tunnel_page");
    const watched = await openPage(world, TALL);
    const { page, visit } = watched;
    await visit(`/failures/entries?open=${letter.dlqId}`);
    const pane = page.getByRole("complementary", { name: `Dead letter ${letter.dlqId}` });
    await pane.getByText("Ngrok-Error-Code").waitFor();
    // The failure function has an answer of its own, once it has been called.
    const response = pane.getByRole("tabpanel", { name: "Response" });
    await response.getByRole("button", { name: "Text" }).click();
    await response.getByText("<h1>The endpoint shop.tunnel.example is offline.</h1>").waitFor();
    await pane.getByRole("tab", { name: "Request" }).click();
    await pane.getByText("Upstash-Workflow-Runid").waitFor();
    await pane.getByRole("tab", { name: /^Attempts/ }).click();
    await pane.getByText(/^So: /).waitFor();
    await pane.getByRole("tab", { name: "Meta" }).click();
    await pane.getByText(`"${letter.groupId}"`).waitFor();
    await pane.getByRole("button", { name: "Hold" }).click();
    await pane.getByText("never: it is held").waitFor();
    expect((await letterTo("tunnel_page")).expiresAt).toBeNull();
    await pane.getByRole("button", { name: "Release" }).click();
    await until(
      "it to be released",
      async () => (await letterTo("tunnel_page")).expiresAt !== null,
    );
    await pane.getByRole("button", { name: "Show alike" }).click();
    await lists(page, await lettersOf(shop, { groupId: letter.groupId ?? "" }));
    noFaults(watched);
  });
});
