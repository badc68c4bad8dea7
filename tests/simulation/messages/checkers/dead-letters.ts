import { deadLetterId } from "@reprise/protocol";
import type { Tables } from "@reprise/server";
import type { Commit } from "../../mirror.ts";
import type { Checker, Scene } from "../facts.ts";
import { isAccepted, mayBeDone, type Operation } from "../operations.ts";

/** A dead message is kept until somebody sends it again or deletes it; both happen once. */
export const deadLetters: Checker = {
  name: "dead letters are handled once",
  promise:
    "the retry of a dead message makes one new message with its content in the transaction that closes the entry; nobody handles an entry twice, and none goes by itself",
  observe: (scene) => {
    const seqWhenAsked = new Map<Operation, number>();
    return (fact) => {
      if (fact.kind === "commit") checkCommit(fact.commit, scene);
      else if (fact.kind === "asked") seqWhenAsked.set(fact.operation, scene.mirror.seq);
      else if (fact.kind === "answered") {
        checkAnswer(fact.operation, scene);
        const isStill = seqWhenAsked.get(fact.operation) === scene.mirror.seq;
        if (isStill && isAccepted(fact.operation)) checkList(fact.operation, scene);
      }
    };
  },
};

/** Of more entries the list shows one page. */
const PAGE_MAX = 100;

/** What people see is what is there, when nothing can have changed it while it was read. */
function checkList({ act, answer }: Operation, { mirror, violate, mark }: Scene): void {
  if (act.type !== "listDead") return;
  // An answer of another form shows nothing.
  const { messages } = answer as { readonly messages: readonly { readonly dlqId: string }[] };
  const open = mirror.all("deadMessages").filter(({ state }) => state === "open");
  const ids = open.map(nameOf).toSorted();
  if (ids.length > 0) mark("dead letters listed");
  if (ids.length > PAGE_MAX) return;
  const shown = messages.map(({ dlqId }) => dlqId).toSorted();
  if (shown.join() !== ids.join())
    violate(`the list shows ${shown.join()}; there are ${ids.join()}`);
}

type Dead = Tables["deadMessages"];

function checkCommit({ changes }: Commit, scene: Scene): void {
  const { violate, mark, mirror, operations } = scene;
  const born = new Set<number>();
  for (const { table, before, after } of changes) {
    if (table === "envelopes" && before === null && after !== null) born.add(after.key);
  }
  for (const { table, before, after } of changes) {
    if (table !== "deadMessages" || before === null) continue;
    const name = nameOf(before);
    if (after === null) {
      violate(`${name} has gone`);
      continue;
    }
    if (before.state !== "open") violate(`${name} was ${before.state} and is handled again`);
    const asked = operations.all.some(
      (operation) => mayBeDone(operation) && names(operation, name),
    );
    if (!asked) violate(`${name} is ${after.state}, and nobody has asked for it`);
    mark(`dead letter ${after.state}`);
    if (after.state !== "retried") continue;
    const next = after.nextMessageKey;
    const source = mirror.get("envelopes", after.messageKey);
    const copy = next === null ? null : mirror.get("envelopes", next);
    if (next === null || !born.has(next)) violate(`${name} is retried without a message`);
    else if (copy?.url !== source?.url || !isSameBody(copy?.body, source?.body)) {
      violate(`${name} is retried with another address or body`);
    }
  }
}

function checkAnswer(operation: Operation, { operations, violate }: Scene): void {
  const { act } = operation;
  if (!isAccepted(operation) || (act.type !== "retryDead" && act.type !== "deleteDead")) return;
  const ids = act.type === "retryDead" ? act.dlqIds : [act.dlqId];
  for (const id of ids) {
    const all = operations.all.filter((other) => isAccepted(other) && names(other, id));
    if (all.length > 1) violate(`${all.length} people have handled ${id}`);
  }
  if (act.type !== "retryDead") return;
  const made = operations.promises.filter((promised) => promised.operation === operation);
  if (made.length !== ids.length)
    violate(`${ids.length} retries have made ${made.length} messages`);
}

function names({ act }: Operation, id: string): boolean {
  if (act.type === "retryDead") return act.dlqIds.includes(id);
  return act.type === "deleteDead" && act.dlqId === id;
}

function nameOf({ createdAt, key }: Dead): string {
  return deadLetterId({ failedAt: createdAt, key });
}

function isSameBody(one: Uint8Array | undefined, other: Uint8Array | undefined): boolean {
  return one !== undefined && other !== undefined && Buffer.compare(one, other) === 0;
}
