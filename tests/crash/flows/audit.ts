import type { FlowBooks, FlowRun, FlowWait } from "./books.ts";
import { keyOf } from "./flow-app.ts";
import type { Hub } from "./hub.ts";

interface Room {
  readonly books: FlowBooks;
  readonly hub: Hub;
}

/** What must be true of the books at every instant: also right behind a kill, before anybody has opened them again. */
export function checkAlways(room: Room): readonly string[] {
  return [
    ...checkStuck(room),
    ...checkTold(room),
    ...checkWaits(room),
    ...checkChildren(room),
    ...checkLetters(room),
    ...checkEvents(room),
  ];
}

/** What must be true besides when everything has come to its end. */
export function checkSettled({ books }: Room): readonly string[] {
  const faults: string[] = [];
  for (const run of books.runs) {
    if (run.state === "started") faults.push(`${run.id} is still alive`);
  }
  // What an app has been told is recorded: these workflows end when all their steps have results.
  for (const wait of books.waits) {
    if (books.runsByKey.get(wait.runKey)?.state !== "succeeded" || wait.state === "done") continue;
    const name = `the ${wait.kind} of step ${wait.stepId} of ${nameOf(wait.runKey, books)}`;
    faults.push(`${name} is ${wait.state}, and its run has succeeded`);
  }
  for (const message of books.messages) {
    const letter = books.letters.find(({ runKey }) => runKey === message.runKey);
    // An open dead letter keeps the message that has failed.
    if (message.state === "failed" && letter?.state === "open") continue;
    faults.push(
      `message ${message.key} (${message.kind}) of ${nameOf(message.runKey, books)} is left`,
    );
  }
  for (const { runKey, eventId } of books.events) {
    faults.push(`${eventId} is still kept for ${nameOf(runKey, books)}`);
  }
  return faults;
}

function nameOf(runKey: number, { runsByKey }: FlowBooks): string {
  return runsByKey.get(runKey)?.id ?? `run ${runKey}`;
}

/** The condition by which the watchdog finds stuck runs. A scene that makes one on purpose is left out. */
function checkStuck({ books, hub }: Room): readonly string[] {
  const busy = new Set([
    ...books.messages.filter(({ state }) => state !== "failed").map(({ runKey }) => runKey),
    ...books.waits.filter(({ state }) => state === "open").map(({ runKey }) => runKey),
  ]);
  return books.runs
    .filter(({ key, state }) => state === "started" && !busy.has(key))
    .filter(({ id }) => hub.noted(keyOf(id), "stalls") === null)
    .map(({ id }) => `${id} is stuck`);
}

/** No function knows a result that is not on disk. */
function checkTold({ books, hub }: Room): readonly string[] {
  return books.runs.flatMap(({ key, id }) => {
    const told = hub.told.get(id);
    if (told === undefined) return [];
    const kept = new Set(
      books.results.filter(({ runKey }) => runKey === key).map(({ stepId }) => stepId),
    );
    return [...told]
      .filter((stepId) => !kept.has(stepId))
      .map((stepId) => `${id} was told the result of step ${stepId}, which is not on disk`);
  });
}

/** Whether results for a run are still taken: it lives, or waits for its resume. */
function isOpen(run: FlowRun | undefined, { letters }: FlowBooks): boolean {
  if (run?.state !== "failed") return run?.state === "started";
  return letters.some(({ key, state }) => key === run.deadLetterKey && state === "open");
}

function checkWaits({ books }: Room): readonly string[] {
  return books.waits.flatMap((wait) => {
    const run = books.runsByKey.get(wait.runKey);
    const name = `the ${wait.kind} of step ${wait.stepId} of ${run?.id}`;
    switch (wait.state) {
      case "open":
        if (!isOpen(run, books)) return [`${name} is open, and its run has ended`];
        if (wait.stepKey !== null) return [`${name} is open, and its result is recorded`];
        return hasMessage(wait, "call", books) ? [] : [`${name} is asked by nobody`];
      case "answered":
        if (!isOpen(run, books)) return [`${name} is answered, and its run has ended`];
        if (run?.state !== "started" || wait.stepKey !== null) return [];
        return hasMessage(wait, "callResult", books) ? [] : [`${name} is told to nobody`];
      case "done":
        return wait.stepKey === null ? [`${name} is done, and nothing is recorded`] : [];
      default:
        return [];
    }
  });
}

function hasMessage(wait: FlowWait, kind: string, { messages }: FlowBooks): boolean {
  if (wait.kind !== "call") return true;
  return messages.some((message) => message.kind === kind && message.waitKey === wait.key);
}

/** Each child was started by one step, which is told of its end in the same instant. */
function checkChildren({ books }: Room): readonly string[] {
  const faults: string[] = [];
  const resumed = new Set(
    books.letters.filter(({ state }) => state === "resumed").map(({ runKey }) => runKey),
  );
  for (const run of books.runs) {
    if (run.invoker === null || run.sourceRunKey !== null) continue;
    // A resumed run has copies of the waits of the one that had failed.
    const waits = books.waits.filter(
      ({ childRunKey, runKey }) => childRunKey === run.key && !resumed.has(runKey),
    );
    const [wait] = waits;
    if (wait === undefined || waits.length > 1) {
      faults.push(`${waits.length} steps have started ${run.id}`);
    } else if (run.state === "started" ? wait.state === "done" : wait.state === "open") {
      faults.push(`${run.id} is ${run.state}, and who has invoked it is ${wait.state}`);
    }
  }
  return faults;
}

/** A failed run has one dead letter: an open one, or one that has led to one run. */
function checkLetters({ books }: Room): readonly string[] {
  const faults: string[] = [];
  for (const run of books.runs) {
    const letters = books.letters.filter(({ runKey }) => runKey === run.key);
    const [letter] = letters;
    if (letters.length !== (run.state === "failed" ? 1 : 0)) {
      faults.push(`${run.id} is ${run.state} and has ${letters.length} dead letters`);
    }
    if (letter === undefined) continue;
    const heirs = books.runs.filter(({ sourceRunKey }) => sourceRunKey === run.key);
    const wanted = letter.nextRunKey === null ? 0 : 1;
    const isRevived = letter.state === "resumed" || letter.state === "restarted";
    if (heirs.length !== wanted || isRevived !== (wanted === 1)) {
      faults.push(`the letter of ${run.id} is ${letter.state} and has led to ${heirs.length} runs`);
    }
    const call = books.messages.find(
      ({ deadLetterKey, state }) => deadLetterKey === letter.key && state !== "failed",
    );
    const isUnderWay = letter.callbackState === "CALLBACK_INPROGRESS";
    if (isUnderWay && call === undefined) faults.push(`nobody makes the failure call of ${run.id}`);
  }
  return faults;
}

/** For runs that may still take it, an acknowledged event is kept or has been taken, and none is there more often than it was sent. */
function checkEvents({ books, hub }: Room): readonly string[] {
  const faults: string[] = [];
  for (const { runKey, eventId } of books.events) {
    if (!isOpen(books.runsByKey.get(runKey), books)) {
      faults.push(`${eventId} is kept for ${nameOf(runKey, books)}, which has ended`);
    }
  }
  for (const [eventId, { runId, sent, answered }] of hub.events) {
    const run = books.runs.find(({ id }) => id === runId);
    if (run === undefined || !isOpen(run, books)) continue;
    const taken = books.waits.filter(
      (wait) => wait.runKey === run.key && wait.eventId === eventId && wait.state === "done",
    );
    const kept = books.events.filter((event) => event.eventId === eventId);
    const count = kept.length + taken.length;
    if (count < answered || count > sent) {
      const history = `sent ${sent} times and answered ${answered} times`;
      faults.push(`${eventId} was ${history}, and is there ${count} times`);
    }
  }
  return faults;
}
