import type { Check } from "../../crash/load.ts";
import { checkAccepted, checkContents, checkOnce } from "../../crash/messages/checks/acceptance.ts";
import { checkCallbacks, checkEnds, checkLetters } from "../../crash/messages/checks/ends.ts";
import { checkFifo, checkOrder, checkParallelism } from "../../crash/messages/checks/gates.ts";
import { gateCountFaults, openLineFaults } from "../../crash/messages/gate-counts.ts";
import {
  checkCancels,
  checkFates,
  checkNumbers,
  checkOverlaps,
  checkPauses,
  checkRates,
  checkRepeats,
  checkTicks,
  repeatsOf,
} from "./checks.ts";
import { type ClusterScene, toClusterScene } from "./cluster-scene.ts";

/** Compares what clients and destinations have seen with what the database holds. */
export function auditMessages(
  path: string,
  ledgers: Pick<ClusterScene, "clients" | "sinks" | "sinkUrl" | "faultLog" | "ticks">,
): readonly Check[] {
  const scene = toClusterScene(path, ledgers);
  const { books, sinks } = scene;
  const ticks = [...books.envelopes.values()].filter(({ scheduleId }) => scheduleId !== null);
  console.log(
    `${books.envelopes.size} messages in the database, ${ticks.length} of schedules; ` +
      `${sinks.attempts.length} attempts, ${repeatsOf(scene).length} of them again`,
  );
  return [
    { name: "no contradiction was seen on the way", faults: scene.clients.faults },
    { name: "every accepted message is kept", faults: checkAccepted(scene) },
    { name: "every publish has made its messages once, or none", faults: checkOnce(scene) },
    { name: "bodies and settings are what was sent", faults: checkContents(scene) },
    { name: "every tick has made its messages once", faults: checkTicks(scene) },
    { name: "every message is open or has ended once", faults: checkEnds(scene) },
    { name: "messages end as their destinations have it", faults: checkFates(scene) },
    { name: "every dead message has one letter", faults: checkLetters(scene) },
    { name: "every end is reported once", faults: checkCallbacks(scene) },
    { name: "attempts are counted exactly", faults: checkNumbers(scene) },
    { name: "nothing is repeated that a fault has not cut off", faults: checkRepeats(scene) },
    { name: "what is cancelled begins no more", faults: checkCancels(scene) },
    { name: "behind a pause nothing begins", faults: checkPauses(scene) },
    { name: "queues deliver one after the other, in order", faults: checkFifo(scene) },
    { name: "places are kept while work goes on", faults: checkOverlaps(scene) },
    { name: "keys rise in the order of acceptance", faults: checkOrder(scene) },
    { name: "no more at once than allowed", faults: checkParallelism(scene) },
    { name: "no more in a period than allowed", faults: checkRates(scene) },
    { name: "queues and keys count what is there", faults: gateCountFaults(path) },
    { name: "nobody waits at an open gate", faults: openLineFaults(path) },
  ];
}
