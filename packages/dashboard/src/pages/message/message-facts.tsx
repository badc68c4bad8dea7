import { Copy } from "../../parts/copy.tsx";
import { Facts } from "../../parts/facts.tsx";
import { formatDuration, Instant, When } from "../../parts/when.tsx";
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
        ["Callback", message.callback],
        ["Failure callback", message.failureCallback],
        ["Caller", message.callerIP],
      ]}
    />
  );
}

function instant(at: number) {
  return (
    <>
      <Instant at={at} />{" "}
      <span className="text-soft">
        (<When at={at} />)
      </span>
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

function limitsOf({ parallelism, rate, period }: ShownMessage): string {
  const limits = [
    parallelism === undefined ? "" : `parallelism ${parallelism}`,
    rate === undefined ? "" : `rate ${rate} per ${period ?? 1} s`,
  ];
  return limits.filter((limit) => limit !== "").join(", ");
}
