// Each way to recover failed runs, for one, a selection, a group and a filter: what the dialog says first, and what the server has done
// behind it.

import type { DeadMessagePage } from "@reprise/protocol";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../conformance/until.ts";
import { auditOf, BY_DASHBOARD } from "./audit-trail.ts";
import { type BrowserWorld, hasBrowser, noFaults, openPage, openWorld } from "./browser-world.ts";
import { type Fickle, failSome, serveFickle } from "./fickle.ts";
import { chooseVerb, ended, openedDialog, type RunVerb, recoverRows } from "./recover-steps.ts";
import { letterOf, recoveredAs, runOf } from "./shop-facts.ts";

type Choice = "one" | "selection" | "group" | "filter";

const VERBS: readonly RunVerb[] = ["resume", "restart", "callback", "delete"];
const CHOICES: readonly Choice[] = ["one", "selection", "group", "filter"];
const CASES = VERBS.flatMap((verb) => CHOICES.map((choice) => [verb, choice] as const));

/** What the dialog says behind it, and the rows of the audit log: of one, and of several. */
const PAST: Readonly<Record<RunVerb, string>> = {
  resume: "resumed",
  restart: "restarted",
  callback: "called again",
  delete: "deleted",
};
const ACTIONS: Readonly<Record<RunVerb, readonly [one: string, many: string]>> = {
  resume: ["POST /v2/workflows/dlq/resume/:dlqId", "POST /v2/workflows/dlq/resume"],
  restart: ["POST /v2/workflows/dlq/restart/:dlqId", "POST /v2/workflows/dlq/restart"],
  // The wire has no bulk form of it.
  callback: ["POST /v2/workflows/dlq/callback/:dlqId", "POST /v2/workflows/dlq/callback/:dlqId"],
  delete: ["DELETE /v2/workflows/dlq/:dlqId", "DELETE /v2/workflows/dlq"],
};

describe.skipIf(!hasBrowser())("the recover dialog", () => {
  let world: BrowserWorld;

  beforeAll(async () => {
    world = await openWorld();
  });

  afterAll(() => world?.close());

  /** Three failed runs of one workflow, all in one group; a third has another label. */
  async function failThree(verb: RunVerb, choice: Choice) {
    const { shop } = world;
    const label = `${verb}-${choice}`;
    const fickle = serveFickle(shop, `/belt/${label}`);
    fickle.isDeaf = verb === "callback";
    const [other = ""] = await failSome(shop, fickle, 1, { label: "bystander" });
    const [first = "", second = ""] = await failSome(shop, fickle, 2, { label });
    fickle.isBroken = false;
    fickle.isDeaf = false;
    const meant = { one: [first], selection: [first, second], filter: [first, second] };
    const chosen = choice === "group" ? [first, second, other] : meant[choice];
    return {
      fickle,
      label,
      chosen,
      left: [first, second, other].filter((id) => !chosen.includes(id)),
    };
  }

  async function choose(page: Page, choice: Choice, label: string, chosen: readonly string[]) {
    const [first = ""] = chosen;
    switch (choice) {
      case "one":
        await page.getByRole("row").filter({ hasText: first }).getByText("/belt/").click();
        await page.getByRole("complementary").getByRole("button", { name: "Recover" }).click();
        return;
      case "selection":
        await page.getByRole("row").filter({ hasText: first }).waitFor();
        await recoverRows(page, chosen.length);
        return;
      case "filter":
        await page.getByRole("row").filter({ hasText: first }).waitFor();
        await page.getByRole("button", { name: "Recover all that match" }).click();
        return;
      case "group":
        await page
          .getByRole("row")
          .filter({ hasText: `/belt/${label}` })
          .getByRole("button", { name: `Recover ${chosen.length} failures of this group` })
          .click();
        return;
    }
  }

  async function proveDone(verb: RunVerb, fickle: Fickle, chosen: readonly string[]) {
    const { shop } = world;
    const before = fickle.ran;
    for (const runId of chosen) {
      if (verb === "callback") {
        await until(`the failure function of ${runId} to be called again`, async () => {
          return (await letterOf(shop, runId))?.failureFunctionState === "CALLBACK_SUCCESS";
        });
        continue;
      }
      await until(
        `the dead letter of ${runId} to be gone`,
        async () => (await letterOf(shop, runId)) === null,
      );
      if (verb === "delete") {
        expect((await runOf(shop, runId)).resumedBy).toBeUndefined();
        continue;
      }
      const next = await recoveredAs(shop, runId, "RUN_SUCCESS");
      expect(next.resumedFrom).toMatchObject({ workflowRunId: runId, mode: verb });
    }
    // Each ran its first step once before; only a restart runs it again.
    const prepared = 3 + (verb === "restart" ? chosen.length : 0);
    const isRun = verb === "resume" || verb === "restart";
    const told = verb === "callback" ? chosen.length : 3;
    expect(before).toEqual({ prepare: prepared, finish: isRun ? chosen.length : 0, told });
  }

  interface Meant {
    readonly dlqId: string;
    readonly label: string;
  }

  async function proveAudited(verb: RunVerb, choice: Choice, { dlqId, label }: Meant) {
    const [one, many] = ACTIONS[verb];
    if (choice === "one" || verb === "callback") {
      expect(await auditOf(world.shop, one, dlqId)).toMatchObject(BY_DASHBOARD);
      return;
    }
    const meant = {
      selection: { target: expect.stringContaining(dlqId), query: null },
      group: { target: null, query: expect.stringContaining("groupId=grp_") },
      filter: { target: null, query: expect.stringContaining(`label=${label}`) },
    };
    const entry = await auditOf(world.shop, many);
    expect(entry).toMatchObject({ ...BY_DASHBOARD, ...meant[choice] });
  }

  test.each(CASES)("%s, %s", async (verb, choice) => {
    const { shop } = world;
    const { fickle, label, chosen, left } = await failThree(verb, choice);
    const { dlqId = "" } = (await letterOf(shop, chosen[0] ?? "")) ?? {};
    const watched = await openPage(world);
    const { page, visit } = watched;
    await visit(choice === "group" ? "/failures" : `/failures/entries?label=${label}`);
    await choose(page, choice, label, chosen);
    const dialog = await openedDialog(page);
    const go = await chooseVerb(dialog, verb, chosen.length);
    const nouns = chosen.length === 1 ? "1 failed run" : `${chosen.length} failed runs`;
    await dialog.getByText(nouns, { exact: true }).waitFor();
    for (const runId of chosen) await dialog.getByText(runId).waitFor();
    // Until now nothing has happened.
    for (const runId of chosen) expect(await letterOf(shop, runId)).not.toBeNull();
    await go.click();
    await ended(dialog, `${chosen.length} of ${chosen.length} ${PAST[verb]}`);
    await proveDone(verb, fickle, chosen);
    for (const runId of left) expect(await letterOf(shop, runId)).not.toBeNull();
    await proveAudited(verb, choice, { dlqId, label });
    if (verb === "resume" || verb === "restart") {
      for (const runId of chosen) {
        const { workflowRunId } = await recoveredAs(shop, runId, "RUN_SUCCESS");
        await dialog.getByRole("link", { name: workflowRunId }).waitFor();
      }
    }
    noFaults(watched);
  });

  interface Answers {
    isOpen: boolean;
    readonly received: string[];
  }

  /** Messages that have failed, as the API lists them. */
  async function deadMessages(label: string): Promise<DeadMessagePage["messages"]> {
    const page = await world.shop.ask("GET", `/v2/dlq?label=${label}`);
    return (page as DeadMessagePage).messages; // The answer of this path.
  }

  async function failMessages(label: string): Promise<Answers> {
    const { shop } = world;
    const answers: Answers = { isOpen: false, received: [] };
    shop.serve(`/hook/${label}`, () => async (request) => {
      if (!answers.isOpen) return new Response("closed", { status: 503 });
      answers.received.push(await request.text());
      return new Response("thanks");
    });
    for (const body of ["one", "two"]) {
      const headers = { "Upstash-Retries": "0", "Upstash-Label": label };
      await shop.ask("POST", `/v2/publish/${shop.appUrl}/hook/${label}`, { headers, body });
    }
    await until("both to fail", async () => (await deadMessages(label)).length === 2);
    answers.isOpen = true;
    return answers;
  }

  test.each([
    ["Retry", "retried", ["one", "two"]],
    ["Delete", "deleted", []],
  ] as const)("failed messages: %s", async (verb, past, received) => {
    const label = `messages-${past}`;
    const answers = await failMessages(label);
    const watched = await openPage(world);
    const { page, visit } = watched;
    await visit(`/failures/entries?kind=messages&label=${label}`);
    await page.getByRole("button", { name: "Recover all that match" }).click();
    const dialog = await openedDialog(page);
    await dialog.getByText("2 failed messages", { exact: true }).waitFor();
    await dialog.getByRole("radio", { name: new RegExp(`^${verb}`) }).check();
    await dialog.getByRole("button", { name: `${verb} 2 messages`, exact: true }).click();
    await ended(dialog, `2 of 2 ${past}`);
    await until("both to leave the queue", async () => (await deadMessages(label)).length === 0);
    await until("what is sent again to arrive", () => answers.received.length === received.length);
    expect(answers.received.toSorted()).toEqual(received);
    noFaults(watched);
  });
});
