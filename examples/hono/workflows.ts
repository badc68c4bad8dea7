// Three workflows at one route. Those that are served together can invoke each other.

import type { WorkflowContext } from "@upstash/workflow";
import { createWorkflow, serveMany } from "@upstash/workflow/hono";
import {
  addReader,
  type Issue,
  type Letter,
  listReaders,
  note,
  publishInArchive,
  type Subscription,
  writeLetter,
} from "./press.ts";

/** One letter to one reader: a run of its own, with its own retries and its own logs. */
const letter = createWorkflow(async (context: WorkflowContext<Letter>) => {
  const { issue, reader } = context.requestPayload;

  const text = await context.run("write", () => writeLetter({ issue, reader }));

  // The server makes this request and keeps the answer. Meanwhile the app does not wait, however long it takes.
  const { status } = await context.call("mail", {
    url: new URL("/mail", context.url).href,
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ issue, reader, text }),
    retries: 1,
    retryDelay: "500",
  });

  // An answer that says no is a result like any other; only the workflow knows what it means.
  return { isMailed: status === 200 };
});

const newsletter = createWorkflow(
  async (context: WorkflowContext<Issue>) => {
    const { title } = context.requestPayload;

    const readers = await context.run("list-readers", () => listReaders());

    // All letters at the same time. A letter that fails fails alone, and is told as a result.
    const letters = await Promise.all(
      readers.map((reader) =>
        context.invoke(`letter-to-${reader}`, { workflow: letter, body: { issue: title, reader } }),
      ),
    );
    const mailed = letters.filter(({ isFailed, isCanceled, body }) => {
      return !isFailed && !isCanceled && body.isMailed;
    });

    await context.sleep("let-the-first-ones-read", "1s");

    // While the archive is offline this step throws. It is retried, and then the run has failed.
    await context.run("publish-in-archive", () => publishInArchive(title));

    return { readers: readers.length, mailed: mailed.length };
  },
  {
    // Runs once when no retry is left. The letters are out, so a new start would mail everybody again: the run is
    // resumed instead. The text that is returned is kept with the run.
    failureFunction: ({ context, failStatus, failResponse }) => {
      const { title } = context.requestPayload;
      const text = `${title} is mailed but not published, resume it (${failStatus}): ${failResponse}`;
      note(title, text);
      return text;
    },
  },
);

export function confirmationEventOf(reader: string): string {
  return `confirmed-${reader}`;
}

/** A new reader: counts only after a click on the link that was mailed. */
const subscription = createWorkflow(async (context: WorkflowContext<Subscription>) => {
  const { reader } = context.requestPayload;

  await context.run("ask-to-confirm", () => note(reader, "was asked to confirm the address"));

  // Costs nothing while it waits; neither restarts of the app nor of the server matter.
  const { timeout } = await context.waitForEvent(
    "wait-for-confirmation",
    confirmationEventOf(reader),
    { timeout: "2d" },
  );

  if (timeout) {
    await context.run("forget", () => note(reader, "did not confirm and is forgotten"));
    return { isReader: false };
  }
  await context.run("add-reader", () => addReader(reader));
  return { isReader: true };
});

/** `/workflows/newsletter`, `/workflows/letter` and `/workflows/subscription`. */
export const workflows = serveMany({ newsletter, letter, subscription });
