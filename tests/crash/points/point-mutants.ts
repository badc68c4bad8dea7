import type { Change, Store } from "@reprise/server";
import { passOnStore, passOnTransaction } from "@reprise/server";
import type { PointScriptName } from "../flows/all-scripts.ts";
import type { PointMark } from "./point-store.ts";

/** Planted faults that a kill at the right point brings to light, or that leave something behind without one. */
const MUTANTS = {
  /** An event that was kept is gone before its step has the result. */
  "event-apart": {
    script: "notifyEarly",
    at: ["committed of", "delete events"],
    trace: "and is there 0 times",
    plant: (store) =>
      splitting(store, has("delete", "events"), (change) => !is(change, "delete", "events")),
  },
  /** A child's end is told outside of the transaction that ends it. */
  "tell-apart": {
    script: "invoke",
    at: ["committed of", "update runs succeeded"],
    trace: "and who has invoked it is open",
    plant: (store) =>
      splitting(store, endsChild, (change) => !setsState(change, "runs", "succeeded")),
  },
  /** Who has invoked a child is written behind it. */
  "child-apart": {
    script: "invoke",
    at: ["0/", "insert waits invoke"],
    trace: "steps have started",
    plant: (store) =>
      splitting(store, has("insert", "waits"), (change) => is(change, "insert", "waits")),
  },
  /** A resume copies the waits and leaves the old ones open. */
  "wait-left-open": {
    script: "resumeOpen",
    at: ["committed of", "insert waits event"],
    trace: "is open, and its run has ended",
    plant: (store) => filtering(store, (change) => !setsState(change, "waits", "moved")),
  },
  /** A notification is answered before it is on disk. */
  "notify-early": {
    script: "notifyAll",
    at: ["commit of", "update waits done"],
    trace: "and its run has succeeded",
    plant: (store) => earlyAnswer(store, (change) => setsState(change, "waits", "done")),
  },
  /** A call's answer is there before anybody tells the app. */
  "answer-apart": {
    script: "call",
    at: ["committed of", "update waits answered"],
    trace: "is told to nobody",
    plant: (store) =>
      splitting(
        store,
        (changes) => changes.some((one) => setsState(one, "waits", "answered")),
        isCallResult,
      ),
  },
  /** A run has failed before its failure call is there. */
  "failure-call-apart": {
    script: "failure",
    at: ["committed of", "insert deadLetters"],
    trace: "nobody makes the failure call",
    plant: (store) => splitting(store, has("insert", "deadLetters"), isFailureCall),
  },
  /** A dead letter closes behind the run that it has led to. */
  "letter-apart": {
    script: "resumeOpen",
    at: ["committed of", "insert runs"],
    trace: "and has led to",
    plant: (store) =>
      splitting(store, has("insert", "runs"), (change) => is(change, "update", "deadLetters")),
  },
  /** What an invocation holds that goes on is written behind the result that it has submitted. */
  "hold-apart": {
    script: "continued",
    at: ["committed of", "update runs, insert steps"],
    trace: "is stuck",
    plant: (store) => splitting(store, goesOn, (change) => is(change, "insert", "messages")),
  },
  /** What an answer carries is recorded, and its attempt ends later. */
  "answer-then-end": {
    script: "answered",
    at: ["committed of", "update runs, insert steps"],
    trace: "is stuck",
    plant: (store) => splitting(store, goesOn, (change) => is(change, "insert", "messages")),
  },
  /** The time of a wait is up, and its result comes later. */
  "timeout-apart": {
    script: "timeOut",
    at: ["committed of", "update waits done"],
    trace: "is done, and nothing is recorded",
    plant: (store) =>
      splitting(
        store,
        (changes) => changes.some((one) => setsState(one, "waits", "done")),
        (change) => !setsState(change, "waits", "done"),
      ),
  },
} as const satisfies Readonly<Record<string, PlantedPoint>>;

interface PlantedPoint {
  readonly script: PointScriptName;
  /** The server dies at the first point whose name begins and goes on so. */
  readonly at: PointMark;
  /** What a fault says that it leads to. */
  readonly trace: string;
  readonly plant: (store: Store) => Store;
}

export type PointMutant = keyof typeof MUTANTS;

export const POINT_MUTANTS = Object.keys(MUTANTS) as readonly PointMutant[]; // The keys of the table.

/** By its name; null for none. */
export function plantedOf(name: string | undefined): PointMutant | null {
  return POINT_MUTANTS.find((mutant) => mutant === name) ?? null;
}

export function plantedPoint(mutant: PointMutant): PlantedPoint {
  return MUTANTS[mutant];
}

export function plantPoint(mutant: PointMutant, store: Store): Store {
  return MUTANTS[mutant].plant(store);
}

function is(
  { type, table }: Change,
  wantedType: Change["type"],
  wantedTable: Change["table"],
): boolean {
  return type === wantedType && table === wantedTable;
}

function has(type: Change["type"], table: Change["table"]) {
  return (changes: readonly Change[]) => changes.some((change) => is(change, type, table));
}

function setsState(change: Change, table: Change["table"], state: string): boolean {
  return (
    change.type === "update" &&
    change.table === table &&
    "state" in change.set &&
    change.set.state === state
  );
}

/** The end of a run that brings a result to another one. */
function endsChild(changes: readonly Change[]): boolean {
  const hasEnded = changes.some((change) => setsState(change, "runs", "succeeded"));
  return hasEnded && changes.some((change) => setsState(change, "waits", "done"));
}

/** A result of a step, which another message follows. */
function goesOn(changes: readonly Change[]): boolean {
  return changes.some((change) => {
    return change.type === "insert" && change.table === "steps" && change.row.slot > 1;
  });
}

function isCallResult(change: Change): boolean {
  return (
    change.type === "insert" && change.table === "messages" && change.row.kind === "callResult"
  );
}

function isFailureCall(change: Change): boolean {
  return (
    change.type === "insert" && change.table === "messages" && change.row.kind === "failureCall"
  );
}

type Test = (changes: readonly Change[]) => boolean;

/** In batches that pass the test, what `isLate` names is written in a transaction of its own, behind the first. */
function splitting(store: Store, test: Test, isLate: (change: Change) => boolean): Store {
  return passOnStore(store, {
    transaction: async (work) => {
      const late: Change[] = [];
      const result = await store.transaction((transaction) =>
        work(
          passOnTransaction(transaction, {
            write: (changes) => {
              if (!test(changes)) return transaction.write(changes);
              late.push(...changes.filter(isLate));
              return transaction.write(changes.filter((change) => !isLate(change)));
            },
          }),
        ),
      );
      if (late.length > 0) await store.transaction((transaction) => transaction.write(late));
      return result;
    },
  });
}

function filtering(store: Store, isKept: (change: Change) => boolean): Store {
  return passOnStore(store, {
    transaction: (work) =>
      store.transaction((transaction) =>
        work(
          passOnTransaction(transaction, {
            write: (changes) => transaction.write(changes.filter(isKept)),
          }),
        ),
      ),
  });
}

const COMMIT_DELAY_MS = 250;

/** Callers hear of a transaction that writes such a change before it is on disk. */
function earlyAnswer(store: Store, isMeant: (change: Change) => boolean): Store {
  return passOnStore(store, {
    transaction: (work) => {
      return new Promise((resolve, reject) => {
        const commit = store.transaction(async (transaction) => {
          let isEarly = false;
          const result = await work(
            passOnTransaction(transaction, {
              write: (changes) => {
                isEarly ||= changes.some(isMeant);
                return transaction.write(changes);
              },
            }),
          );
          if (!isEarly) return result;
          resolve(result);
          await new Promise((later) => setTimeout(later, COMMIT_DELAY_MS));
          return result;
        });
        commit.then(resolve, reject);
      });
    },
  });
}
