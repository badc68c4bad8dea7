// Other settings for what is recovered, and the same thing by curl, CLI and SDK: the calls that the dialog prints are carried out.

import { spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { FlowControlResource } from "@reprise/protocol";
import type { Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../conformance/until.ts";
import { type BrowserWorld, hasBrowser, noFaults, openPage, openWorld } from "./browser-world.ts";
import { failSome, serveFickle } from "./fickle.ts";
import { chooseVerb, ended, openedDialog, type RunVerb, recoverRows } from "./recover-steps.ts";
import { letterOf, recoveredAs, runOf } from "./shop-facts.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const hasCurl = spawnSync("curl", ["--version"]).status === 0;
const OWN = {
  label: "own",
  flowControl: { key: "own-key", parallelism: 7, rate: 900, period: 60 },
  retryDelay: "1000 * 2",
};

describe.skipIf(!hasBrowser())("other settings", () => {
  let world: BrowserWorld;

  beforeAll(async () => {
    world = await openWorld();
  });

  afterAll(() => world?.close());

  async function openFailed(path: string, more: Readonly<Record<string, unknown>> = {}) {
    const fickle = serveFickle(world.shop, path);
    const [runId = ""] = await failSome(world.shop, fickle, 1, more);
    const watched = await openPage(world);
    await watched.visit(`/runs/${runId}`);
    return { ...watched, watched, fickle, runId };
  }

  async function openSettings(page: Page): Promise<Locator> {
    await page.getByRole("button", { name: "Resume", exact: true }).click();
    const dialog = await openedDialog(page);
    await dialog.getByText("Other settings").click();
    return dialog;
  }

  test("the run's own values stand in the empty fields", async () => {
    const { page, watched } = await openFailed("/belt/own", OWN);
    const dialog = await openSettings(page);
    const placeholders = {
      Retries: "0",
      "Retry delay": "1000 * 2",
      Delay: "not set",
      Labels: "own",
      "Flow-control key": "own-key",
      Parallelism: "7",
      Rate: "900",
      Period: "60s",
    };
    for (const [name, own] of Object.entries(placeholders)) {
      const field = dialog.getByLabel(name, { exact: true });
      await expect
        .poll(async () => `${name}: ${await field.getAttribute("placeholder")}`)
        .toBe(`${name}: ${own}`);
    }
    const failureUrl = dialog.getByLabel("Failure callback", { exact: true });
    expect(await failureUrl.getAttribute("placeholder")).toContain("/belt/own");
    noFaults(watched);
  });

  test("each of them is what the new run gets", async () => {
    const { shop } = world;
    const { page, watched, runId } = await openFailed("/belt/settings", OWN);
    const dialog = await openSettings(page);
    const typed = {
      Retries: "5",
      "Retry delay": "1500 * (1 + retried)",
      Delay: "1h",
      Labels: "mended,night",
      "Flow-control key": "fresh-key",
      Parallelism: "3",
      Rate: "11",
      Period: "2m",
    };
    for (const [name, text] of Object.entries(typed)) {
      await dialog.getByLabel(name, { exact: true }).fill(text);
    }
    await dialog.getByText("8 changed").waitFor();
    await (await chooseVerb(dialog, "resume", 1)).click();
    await ended(dialog, "1 of 1 resumed");
    const next = await recoveredAs(shop, runId, "RUN_STARTED");
    expect(next).toMatchObject({ labels: ["mended", "night"], flowControlKey: "fresh-key" });
    expect(next.waitingFor).toMatch(/^delay until /);
    const step = next.steps.at(-1)?.steps.at(-1);
    expect(step).toMatchObject({ retries: 5, retryDelay: "1500 * (1 + retried)" });
    const flow = (await shop.ask("GET", "/v2/flowControl/fresh-key")) as FlowControlResource; // So it answers.
    expect(flow).toMatchObject({ parallelismMax: 3, rateMax: 11, ratePeriod: 120 });
    noFaults(watched);
  });

  test("what is left empty stays, and a second failure is told to the new failure URL", async () => {
    const { shop } = world;
    const { page, watched, runId } = await openFailed("/belt/told-elsewhere", OWN);
    const dialog = await openSettings(page);
    const told = `${shop.appUrl}/notify/failures`;
    await dialog.getByLabel("Failure callback", { exact: true }).fill(told);
    await (await chooseVerb(dialog, "restart", 1)).click();
    await ended(dialog, "1 of 1 restarted");
    const next = await recoveredAs(shop, runId, "RUN_FAILED");
    expect(next).toMatchObject({ labels: ["own"], flowControlKey: "own-key" });
    await until("the new failure URL to be told", async () => {
      const { failureFunction } = await runOf(shop, next.workflowRunId);
      return failureFunction?.url === told && failureFunction.state === "CALLBACK_SUCCESS";
    });
    expect((await letterOf(shop, next.workflowRunId))?.maxRetries).toBe(0);
    noFaults(watched);
  });

  test("what the page can see to be wrong cannot be sent", async () => {
    const { page, watched } = await openFailed("/belt/wrong");
    const dialog = await openSettings(page);
    const go = await chooseVerb(dialog, "resume", 1);
    const wrong: readonly (readonly [string, string, string])[] = [
      ["Flow-control key", "k", "needs parallelism or a rate"],
      ["Rate", "3", "needs a flow-control key"],
      ["Labels", "schön", "must be plain ASCII text in one line"],
    ];
    for (const [name, text, said] of wrong) {
      const field = dialog.getByLabel(name, { exact: true });
      await field.fill(text);
      await dialog.getByText(said).waitFor();
      expect(await field.getAttribute("aria-invalid")).toBe("true");
      await expect.poll(() => go.isDisabled()).toBe(true);
      await field.fill("");
      await expect.poll(() => go.isEnabled()).toBe(true);
    }
    noFaults(watched);
  });

  test.each([
    ["Retries", "many", /retries/i],
    ["Retry delay", "1000 * (", /retry-delay/i],
    ["Delay", "soon", /delay/i],
    ["Failure callback", "nowhere", /failure-callback/i],
  ])("the server refuses %s %j in words, and nothing changes", async (name, text, said) => {
    const { shop } = world;
    const { page, watched, runId } = await openFailed("/belt/refused");
    const dialog = await openSettings(page);
    await dialog.getByLabel(name, { exact: true }).fill(text);
    await (await chooseVerb(dialog, "resume", 1)).click();
    await ended(dialog, "0 of 1 resumed, 1 not");
    expect(await dialog.getByRole("listitem").textContent()).toMatch(said);
    expect(await letterOf(shop, runId)).not.toBeNull();
    expect((await runOf(shop, runId)).resumedBy).toBeUndefined();
    noFaults(watched);
  });

  /** What the dialog prints, under the name of the form. */
  async function printed(dialog: Locator, form: "curl" | "CLI" | "SDK"): Promise<string> {
    await dialog.getByRole("tab", { name: form }).click();
    return (await dialog.getByRole("tabpanel").locator("pre").textContent()) ?? "";
  }

  /** Runs a program with a text on its standard input. */
  function carryOut(command: string, args: readonly string[], input: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const env = { ...process.env, REPRISE_TOKEN: world.shop.token };
      const child = spawn(command, args, { cwd: ROOT, env, stdio: ["pipe", "pipe", "pipe"] });
      const said: string[] = [];
      child.stdout.on("data", (chunk: Buffer) => said.push(chunk.toString()));
      child.stderr.on("data", (chunk: Buffer) => said.push(chunk.toString()));
      child.on("error", reject);
      child.on("close", (code) =>
        code === 0 ? resolve(said.join("")) : reject(new Error(`${code}: ${said.join("")}`)),
      );
      child.stdin.end(input);
    });
  }

  const FORMS: Readonly<Record<"curl" | "CLI" | "SDK", (text: string) => Promise<string>>> = {
    // A refusal is an error, as a person would see it to be one.
    curl: (text) =>
      carryOut("bash", ["-e"], `curl() { command curl -sS --fail-with-body "$@"; }\n${text}\n`),
    CLI: (text) => {
      const program = `"${process.execPath}" packages/cli/dist/main.js`;
      // Where nobody can be asked it wants to be told that nobody need be.
      return carryOut("bash", ["-e"], `reprise() { ${program} "$@" --yes; }\n${text}\n`);
    },
    SDK: (text) => carryOut(process.execPath, ["--input-type=module-typescript", "-"], text),
  };

  const VERBS = ["resume", "restart", "callback", "delete"] as const;
  const MATCHING = (["curl", "CLI", "SDK"] as const).flatMap((form) =>
    VERBS.map((verb) => [form, verb, "filter"] as const),
  );
  const NAMED = [
    ["curl", "restart", "ids"],
    ["curl", "callback", "ids"],
    ["CLI", "delete", "ids"],
    ["SDK", "resume", "ids"],
  ] as const;
  const CALLS = [...MATCHING, ...NAMED].filter(([form]) => form !== "curl" || hasCurl);

  async function proveSame(verb: RunVerb, runId: string, label: string) {
    const { shop } = world;
    if (verb === "callback") {
      await until("the failure function to be called again", async () => {
        return (await letterOf(shop, runId))?.failureFunctionState === "CALLBACK_SUCCESS";
      });
      return;
    }
    expect(await letterOf(shop, runId)).toBeNull();
    if (verb === "delete") {
      expect((await runOf(shop, runId)).resumedBy).toBeUndefined();
      return;
    }
    const next = await recoveredAs(shop, runId, "RUN_SUCCESS");
    expect(next).toMatchObject({ labels: [label], flowControlKey: "printed key" });
    expect(next.resumedFrom?.mode).toBe(verb);
  }

  test.each(CALLS)("the printed %s call does the same: %s by %s", async (form, verb, by) => {
    const { shop } = world;
    const fickle = serveFickle(shop, `/printed/${form}-${verb}-${by}`);
    fickle.isDeaf = verb === "callback";
    const label = `${form}-${verb}-${by}`;
    const runs = await failSome(shop, fickle, 2, { label });
    const [left = ""] = await failSome(shop, fickle, 1, { label: "another" });
    fickle.isBroken = false;
    fickle.isDeaf = false;
    const watched = await openPage(world);
    const { page, visit } = watched;
    await visit(`/failures/entries?label=${label}`);
    await page
      .getByRole("row")
      .filter({ hasText: runs[0] ?? "" })
      .waitFor();
    if (by === "ids") await recoverRows(page, 2);
    else await page.getByRole("button", { name: "Recover all that match" }).click();
    const dialog = await openedDialog(page);
    await chooseVerb(dialog, verb, 2);
    const label2 = verb === "restart" ? "it's new" : label;
    if (verb === "resume" || verb === "restart") {
      await dialog.getByText("Other settings").click();
      await dialog.getByLabel("Labels", { exact: true }).fill(label2);
      await dialog.getByLabel("Flow-control key", { exact: true }).fill("printed key");
      await dialog.getByLabel("Parallelism", { exact: true }).fill("2");
    }
    await dialog.getByText("The same by curl, CLI or SDK").click();
    const text = await printed(dialog, form);
    expect(text).not.toContain(shop.token);
    if (text.includes("DLQ_ID")) {
      // There is no bulk form of it: the ids of the first answer go into the second call.
      for (const runId of runs) {
        const { dlqId = "" } = (await letterOf(shop, runId)) ?? {};
        await FORMS.curl(text.replace("DLQ_ID", dlqId));
      }
    } else {
      await FORMS[form](text);
    }
    for (const runId of runs) await proveSame(verb, runId, label2);
    expect(await letterOf(shop, left)).not.toBeNull();
    noFaults(watched);
  });
});
