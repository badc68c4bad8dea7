import type { Checker, Scene } from "../facts.ts";
import { isAccepted, isAmbiguous, type Operation } from "../operations.ts";

/** A publish to a group makes one message for each endpoint that the group has. */
export const groupEndpoints: Checker = {
  name: "groups fan out",
  promise: "a publish to a URL group makes one message for each of its endpoints, in their order",
  observe: (scene) => {
    const groups = new Map<string, Group>();
    const groupOf = (name: string) => {
      const group = groups.get(name) ?? { urls: [], changedTurn: 0 };
      groups.set(name, group);
      return group;
    };
    return (fact) => {
      // From the arrival of a change to its end nobody knows what is in force.
      if (fact.kind === "asked" && "group" in fact.operation.act) {
        groupOf(fact.operation.act.group).changedTurn = Number.POSITIVE_INFINITY;
      } else if (fact.kind === "answered") {
        const { act } = fact.operation;
        if ("group" in act && isAccepted(fact.operation))
          change(groupOf(act.group), fact.operation);
        if (act.type !== "publish" || act.wanted.destination.kind !== "group") return;
        check(fact.operation, groupOf(act.wanted.destination.name), scene);
      } else if (fact.kind === "over" && "group" in fact.operation.act) {
        const { operation } = fact;
        const group = groupOf(fact.operation.act.group);
        if (isAmbiguous(operation)) group.urls = null;
        else if (!isAccepted(operation)) group.changedTurn = scene.operations.turn;
      }
    };
  },
};

interface Group {
  /** Null when nobody knows. A group without endpoints is not there. */
  urls: readonly string[] | null;
  changedTurn: number;
}

function change(group: Group, { act, answeredTurn }: Operation): void {
  group.changedTurn = answeredTurn;
  if (group.urls === null) return;
  if (act.type === "setEndpoints") group.urls = Array.from(new Set([...group.urls, ...act.urls]));
  if (act.type !== "removeEndpoints") return;
  group.urls = group.urls.filter((url) => !act.urls.includes(url));
}

function check(operation: Operation, group: Group, { operations, violate, mark }: Scene): void {
  if (group.urls === null || operation.askedTurn < group.changedTurn) return;
  const { number, status } = operation;
  const urls = operations.promises
    .filter((promised) => promised.operation === operation)
    .map(({ url }) => url);
  if (group.urls.length === 0) {
    if (isAccepted(operation)) violate(`#${number} is accepted for a group that is not there`);
    return;
  }
  if (status === 404) violate(`#${number} finds no group; it has ${group.urls.join(", ")}`);
  if (!isAccepted(operation)) return;
  mark("fan-out checked");
  if (urls.join() !== group.urls.join()) {
    violate(`#${number} goes to ${urls.join(", ")}; the group has ${group.urls.join(", ")}`);
  }
}
