import type { Check } from "../load.ts";
import { readBooks } from "./books.ts";
import { checkAccepted, checkContents, checkOnce, checkTicks } from "./checks/acceptance.ts";
import {
  checkCancels,
  checkNeverEarly,
  checkNumbers,
  checkPauses,
  checkRepeats,
  countRepeats,
} from "./checks/attempts.ts";
import { checkCallbacks, checkEnds, checkLetters } from "./checks/ends.ts";
import { checkFifo, checkOrder, checkParallelism, checkRates } from "./checks/gates.ts";
import { gateCountFaults, openLineFaults } from "./gate-counts.ts";
import { type Scene, toScene } from "./scene.ts";

/** Compares what clients and destinations have seen with what the database holds. */
export function auditMessages(
  path: string,
  ledgers: Pick<Scene, "clients" | "sinks" | "sinkUrl">,
): readonly Check[] {
  const scene = toScene({ ...ledgers, books: readBooks(path) });
  const { integrity } = scene.books;
  console.log(describe(scene));
  return [
    { name: "the database is whole", faults: integrity === "ok" ? [] : [integrity] },
    { name: "no contradiction was seen on the way", faults: scene.clients.faults },
    { name: "every accepted message is kept", faults: checkAccepted(scene) },
    { name: "every publish has made its messages once, or none", faults: checkOnce(scene) },
    { name: "bodies and settings are what was sent", faults: checkContents(scene) },
    { name: "every tick has made its messages once", faults: checkTicks(scene) },
    { name: "every message is open or has ended once", faults: checkEnds(scene) },
    { name: "every dead message has one letter", faults: checkLetters(scene) },
    { name: "every end is reported once", faults: checkCallbacks(scene) },
    { name: "attempts are counted exactly", faults: checkNumbers(scene) },
    { name: "nothing is repeated that a kill has not cut off", faults: checkRepeats(scene) },
    { name: "nothing comes early", faults: checkNeverEarly(scene) },
    { name: "what is cancelled begins no more", faults: checkCancels(scene) },
    { name: "behind a pause nothing begins", faults: checkPauses(scene) },
    { name: "queues deliver one after the other, in order", faults: checkFifo(scene) },
    { name: "keys rise in the order of acceptance", faults: checkOrder(scene) },
    { name: "no more at once than allowed", faults: checkParallelism(scene) },
    { name: "no more in a period than allowed", faults: checkRates(scene) },
    { name: "queues and keys count what is there", faults: gateCountFaults(path) },
    { name: "nobody waits at an open gate", faults: openLineFaults(path) },
  ];
}

function describe(scene: Scene): string {
  const { books, sinks } = scene;
  const { repeated, lost } = countRepeats(scene);
  const ends = { delivered: 0, failed: 0, canceled: 0, canceledLate: 0 };
  for (const rows of books.logs.values()) {
    for (const { moment } of rows) {
      if (moment in ends) ends[moment as keyof typeof ends]++; // Just looked up.
    }
  }
  const retried = books.deadMessages.filter(({ state }) => state === "retried").length;
  return (
    `${books.envelopes.size} messages in the database: ${ends.delivered} delivered, ${ends.failed} dead (${retried} retried), ` +
    `${ends.canceled + ends.canceledLate} cancelled, ${books.messages.size} waiting for good; ` +
    `${sinks.attempts.length} attempts, ${lost} lost by kills, ${repeated} repeated`
  );
}
