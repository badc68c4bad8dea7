import type { Attempt, Checker, Exchange } from "../facts.ts";
import { deliveredList, listFault, parseList } from "../step-list.ts";

/** Every delivery carries the list up to its own message, whatever has been recorded since. */
export const exactPrefix: Checker = {
  name: "exact prefix",
  promise: "every delivery carries exactly the records up to its own message",
  observe: ({ mirror, violate, mark }) => {
    return (fact) => {
      if (fact.kind === "attempt") checkDelivery(fact.attempt);
      if (fact.kind === "answer") checkLazyFetch(fact.exchange);
    };

    function checkDelivery(attempt: Attempt): void {
      const { number, message, run, body, part } = attempt;
      if (message === null || run === null) {
        violate(`attempt ${number} is about a message that is not on disk`);
      } else if (message.stepPosition !== null) {
        if (body === "") mark("lazy delivery");
        else {
          if (part !== null) mark("part delivered");
          const list = deliveredList(attempt, mirror.steps(run.key));
          const fault = listFault(list, mirror.steps(run.key), message.stepPosition);
          if (fault !== null)
            violate(`list of attempt ${number}, message ${message.key}: ${fault}`);
        }
      }
    }

    /** The SDK cuts the whole list itself, behind the message that it was called for. */
    function checkLazyFetch({ method, target, status, answer }: Exchange): void {
      const runId = /^\/v2\/workflows\/runs\/([^/?]+)$/.exec(target)?.[1];
      if (method !== "GET" || runId === undefined || status !== 200) return;
      mark("lazy fetch");
      const run = mirror.runsById(runId).at(-1);
      if (run === undefined) violate(`a list of the unknown run ${runId} was given out`);
      else {
        const list = parseList(answer);
        const fault = listFault(list, mirror.steps(run.key), list.length - 1);
        if (fault !== null) violate(`fetched list of run ${runId}: ${fault}`);
      }
    }
  },
};
