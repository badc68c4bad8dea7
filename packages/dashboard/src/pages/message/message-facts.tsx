import { toSearch } from "../../api/client.ts";
import { searchFor } from "../../filters/use-filter.ts";
import { Copy } from "../../parts/copy.tsx";
import { Facts } from "../../parts/facts.tsx";
import { formatDuration, InstantAndAge } from "../../parts/when.tsx";
import { limitsOf } from "../../parts/words.ts";
import type { ShownMessage } from "./page.tsx";

export function MessageFacts({ message }: { readonly message: ShownMessage }) {
  const { url, method, maxRetries, retryDelayExpression, timeout, createdAt, notBefore } = message;
  const destination = (
    <span className="break-all">
      {method} {url} <Copy text={url} label="the URL" />
    </span>
  );
  return (
    <Facts
      facts={[
        ["Destination", destination],
        ["Created", instant(createdAt)],
        ["Not before", notBefore > createdAt ? instant(notBefore) : undefined],
        [
          "Next attempt",
          message.nextDeliveryTime === undefined ? undefined : instant(message.nextDeliveryTime),
        ],
        ["Failed tries", message.retried === undefined ? undefined : String(message.retried)],
        [
          "Retries",
          retryDelayExpression === undefined
            ? String(maxRetries)
            : `${maxRetries}, each after ${retryDelayExpression} ms`,
        ],
        ["Timeout", timeout === undefined ? undefined : formatDuration(timeout)],
        ["Labels", message.labels?.join(", ")],
        ["Queue", named("queues", message.queueName)],
        ["Flow control", named("flow-control", message.flowControlKey, limitsOf(message))],
        ["Schedule", named("schedules", message.scheduleId)],
        ["URL group", named("url-groups", message.topicName, message.endpointName ?? "")],
        ["Callback", called(message.callback)],
        ["Failure callback", called(message.failureCallback)],
        ["Caller", message.callerIP],
      ]}
    />
  );
}

const instant = (at: number) => <InstantAndAge at={at} />;

/** Where callbacks go, and the way to those that went. */
function called(url: string | undefined) {
  if (url === undefined) return undefined;
  return (
    <>
      <span className="break-all">{url}</span>{" "}
      <a href={`#/logs?${toSearch(searchFor({ url }))}`} className="text-accent hover:underline">
        log
      </a>
    </>
  );
}

/** A name that leads to the page of what has it. */
function named(place: string, name: string | undefined, detail = "") {
  if (name === undefined) return undefined;
  return (
    <>
      <a href={`#/${place}`} className="text-accent hover:underline">
        {name}
      </a>
      {detail !== "" && <span className="text-soft"> {detail}</span>}
    </>
  );
}
