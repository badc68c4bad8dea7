import type { Change, Store, Transaction } from "@reprise/server";
import { passOnStore, passOnTransaction } from "@reprise/server";
import type { Part } from "./load.ts";
import { claimApart, forgetPlaces, inMemory, tickApart } from "./messages/planted.ts";
import { garbleResults, loseHeld } from "./sdk/planted.ts";

export const MUTANTS = [
  "early-ack",
  "repeat-steps",
  "lose-dead-letters",
  "forget-places",
  "places-in-memory",
  "starts-in-memory",
  "claim-apart",
  "tick-apart",
  "lose-dead-messages",
  "lose-held",
  "garble-results",
] as const;
/** A planted fault of the server under test. */
export type Mutant = (typeof MUTANTS)[number];

/** What the harness has to say about each in a part that sees it: a fault whose text contains this. */
const TRACES: Readonly<Record<Mutant, Partial<Record<Part, string>>>> = {
  "early-ack": {
    workflows: "is lost",
    messages: "is lost",
    sdk: "was on disk",
  },
  "repeat-steps": { workflows: "after its result was accepted" },
  "lose-dead-letters": { workflows: "has 0 dead letters" },
  "forget-places": { messages: "was under way" },
  "places-in-memory": { messages: "inFlightCount" },
  "starts-in-memory": { messages: "starts in window" },
  "claim-apart": { messages: "messages, not 1" },
  "tick-apart": { messages: "the tick of" },
  "lose-dead-messages": { messages: "has 0 dead letters" },
  "lose-held": { sdk: ") is started" },
  "garble-results": { sdk: "is nobody's" },
};

/** Null when nothing of this part can show the fault. */
export function traceOf(mutant: Mutant, part: Part): string | null {
  return TRACES[mutant][part] ?? null;
}

export function mutantsOf(part: Part): readonly Mutant[] {
  return MUTANTS.filter((mutant) => traceOf(mutant, part) !== null);
}

/** Stands between the server and its store and plants the fault there, so that the product has no switch for it. */
export function plant(mutant: Mutant): (store: Store) => Store {
  switch (mutant) {
    case "early-ack":
      return (store) => passOnStore(store, { transaction: (work) => earlyAck(store, work) });
    case "repeat-steps":
      return (store) =>
        passOnStore(store, { transaction: (work) => store.transaction((t) => work(blind(t))) });
    case "lose-dead-letters":
      return losing("deadLetters");
    case "lose-dead-messages":
      return losing("deadMessages");
    case "lose-held":
      return loseHeld;
    case "garble-results":
      return garbleResults;
    case "forget-places":
      return forgetPlaces;
    case "places-in-memory":
      return inMemory("inFlightCount");
    case "starts-in-memory":
      return inMemory("rateCount");
    case "claim-apart":
      return claimApart;
    case "tick-apart":
      return tickApart;
  }
}

const COMMIT_DELAY_MS = 25;

/** What a transaction leads to is told to everybody before it is on disk. */
function earlyAck<R>(store: Store, work: (transaction: Transaction) => Promise<R>): Promise<R> {
  return new Promise((resolve, reject) => {
    const commit = store.transaction(async (transaction) => {
      const result = await work(transaction);
      resolve(result);
      await new Promise((later) => setTimeout(later, COMMIT_DELAY_MS));
      return result;
    });
    commit.catch(reject);
  });
}

/** Who takes over what a dead process left does not see which steps have results, and asks for them again. */
function blind(transaction: Transaction): Transaction {
  let isTakingOver = false;
  return passOnTransaction(transaction, {
    // Asked for by a new process alone.
    waitingGates: () => {
      isTakingOver = true;
      return transaction.waitingGates();
    },
    find: async (table, lookup, values) =>
      isTakingOver && table === "steps" ? [] : transaction.find(table, lookup, values),
  });
}

/** What fails fails, but the rows that would keep it are not written. */
function losing(table: Change["table"]): (store: Store) => Store {
  const isKept = (change: Change) => change.table !== table || change.type !== "insert";
  const lossy = (transaction: Transaction): Transaction =>
    passOnTransaction(transaction, {
      write: (changes) => transaction.write(changes.filter(isKept)),
    });
  return (store) =>
    passOnStore(store, { transaction: (work) => store.transaction((t) => work(lossy(t))) });
}
