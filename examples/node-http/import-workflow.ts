// The nightly import: a request to somebody else, steps of our own, a pause, and a step that can fail.

import { serve } from "@upstash/workflow";
import { checkPrices, type Import, note, type Price, writePrices } from "./price-list.ts";

export const importWorkflow = serve<Import>(
  async (context) => {
    const { importId } = context.requestPayload;

    // The server makes this request and keeps the answer. Meanwhile the app does not wait, however long it takes.
    const answer = await context.call<readonly Price[]>("ask-supplier", {
      url: new URL(`/supplier/prices/${encodeURIComponent(importId)}`, context.url).href,
      headers: { "X-Contract": "shop-17" },
      retries: 2,
      retryDelay: "500",
      timeout: "30s",
    });
    // An answer that says no is a result like any other; only the workflow knows what it means.
    if (answer.status !== 200) {
      await context.run("skip", () => note(importId, `the supplier answered ${answer.status}`));
      return { importId, written: 0 };
    }

    const prices = await context.run("check-prices", () => checkPrices(importId, answer.body));

    await context.sleep("wait-for-closing-time", "1s");

    // While the database is read-only this step throws. It is retried, and then the run has failed.
    await context.run("write-prices", () => writePrices(importId, prices));

    return { importId, written: prices.length };
  },
  {
    // Runs once when no retry is left. The prices that were fetched and checked are kept with the run, so nobody
    // has to ask the supplier again: it is resumed. The text that is returned is kept with it.
    failureFunction: ({ context, failStatus, failResponse }) => {
      const { importId } = context.requestPayload;
      const text = `the old prices stay (${failStatus}): ${failResponse}`;
      note(importId, text);
      return text;
    },
  },
).handler;
