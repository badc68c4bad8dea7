import { messageKey } from "@reprise/protocol";
import type { Commit } from "../../mirror.ts";
import type { Checker, Scene } from "../facts.ts";
import { isSuccess, type Story } from "../sink-ledger.ts";

/** The log that everybody can read tells each message's story from its beginning to its end. */
export const logSequence: Checker = {
  name: "the log tells the whole story",
  promise:
    "the entries of each message are one of the documented sequences, and tell of as many failures as its destination",
  observe: (scene) => {
    let diedAt = Number.NEGATIVE_INFINITY;
    /** Message key -> when another node has taken it over: what the first one hears is not taken in any more. */
    const takenAt = new Map<number, number>();
    return (fact) => {
      if (fact.kind === "serverCrash") diedAt = scene.now();
      else if (fact.kind === "commit") noteTakeovers(fact.commit, takenAt, scene);
      else if (fact.kind === "end") checkEnd({ diedAt, takenAt }, scene);
    };
  },
};

/** An attempt may begin more than once: behind a crash, or when a pause has taken it back. */
const TRY = "(A )+";
const SEQUENCE = new RegExp(`^C (${TRY}E R )*(${TRY}(D|E F)|(${TRY})?Q X|${TRY}Q (D|E X))$`);

const LETTERS: Readonly<Record<string, string>> = {
  CREATED: "C",
  ACTIVE: "A",
  DELIVERED: "D",
  ERROR: "E",
  RETRY: "R",
  FAILED: "F",
  CANCEL_REQUESTED: "Q",
  CANCELED: "X",
};

interface Entry {
  readonly messageId: string;
  readonly state: string;
}

/** When outcomes may have been lost: with a process of the server, the last one, or with the hold of a node. */
interface Losses {
  readonly diedAt: number;
  readonly takenAt: ReadonlyMap<number, number>;
}

function noteTakeovers({ changes }: Commit, takenAt: Map<number, number>, { now }: Scene): void {
  for (const { table, before, after } of changes) {
    if (table !== "messages" || before === null || after === null) continue;
    const isHeld = before.nodeKey !== null && before.state === "active";
    if (!isHeld || after.nodeKey === before.nodeKey) continue;
    // Another node makes the attempt anew, or puts the message back into its line, because its gate is closed now.
    const isPutBack = after.state === "waiting" && after.retried === before.retried;
    if (isPutBack || after.leaseToken > before.leaseToken) takenAt.set(after.key, now());
  }
}

function checkEnd({ diedAt, takenAt }: Losses, scene: Scene): void {
  const { operations, sinks, violate, mirror } = scene;
  const states = new Map<string, string[]>();
  for (const { answer } of operations.of("readLog").filter(({ status }) => status === 200)) {
    // Pages come newest first.
    const { events = [] } = answer as { readonly events?: readonly Entry[] };
    for (const { messageId, state } of events) {
      states.set(messageId, [LETTERS[state] ?? state, ...(states.get(messageId) ?? [])]);
    }
  }
  const count = mirror.all("envelopes").length;
  if (states.size !== count)
    violate(`the log tells of ${states.size} messages; ${count} were made`);
  for (const [messageId, letters] of states) {
    const text = letters.join(" ");
    if (!SEQUENCE.test(text)) violate(`${messageId} has the log ${text}`);
    const story = sinks.story(messageId);
    if (story === null && letters.includes("D")) violate(`${messageId} never reached anybody`);
    const lostAt = Math.max(diedAt, takenAt.get(messageKey(messageId) ?? 0) ?? diedAt);
    if (story !== null) checkFailures(story, { letters, lostAt }, scene);
  }
}

interface Told {
  readonly letters: readonly string[];
  readonly lostAt: number;
}

/** The log has one failure for each number that failed; the end of one attempt may be lost with its process. */
function checkFailures(
  { messageId, attempts }: Story,
  { letters, lostAt }: Told,
  scene: Scene,
): void {
  const errors = letters.filter((letter) => letter === "E").length;
  const failed = new Set<number>();
  const doubtful = new Set<number>();
  for (const { retried, outcome } of attempts) {
    if (outcome === null) doubtful.add(retried);
    else if (!isSuccess(outcome)) failed.add(retried);
  }
  // What a process has heard, and could not keep before it ended, comes again, or never when it is cancelled meanwhile.
  const isInDoubt = attempts.some(({ endedAt }) => endedAt !== null && endedAt <= lostAt);
  const least = failed.size - (isInDoubt ? 1 : 0);
  // A cancelled attempt that had to wait for its connection is ended by an error, though nobody has seen it.
  const isCutShort = letters.slice(-3).join("") === "QEX";
  const most = new Set([...failed, ...doubtful]).size + (isCutShort ? 1 : 0);
  if (errors < least || errors > most) {
    scene.violate(
      `${messageId} has ${errors} errors in its log; its destination knows ${failed.size}`,
    );
  }
}
