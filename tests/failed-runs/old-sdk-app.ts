// A process of its own: an endpoint of the SDK before 1.0, whose `serve` still takes a failure URL. It cannot share a process
// with the tests, because its dependencies ask for other module conditions than the sources.

import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { Client } from "@upstash/qstash";
import { serve } from "workflow-sdk-0.2";

export interface OldSdkOrder {
  readonly serverUrl: string;
  readonly token: string;
  readonly failureUrl: string;
  /** Whether `serve` is given a failure function beside the URL. */
  readonly hasFunction: boolean;
}

export interface OldSdkReport {
  /** The address of the endpoint, once it listens. */
  readonly url?: string;
  /** A call of the failure function. */
  readonly failureStatus?: number;
}

type Options = NonNullable<Parameters<typeof serve>[1]>;

const report = (message: OldSdkReport): void => void process.send?.(message);

function serveBroken({ serverUrl, token, failureUrl, hasFunction }: OldSdkOrder) {
  const options = {
    qstashClient: new Client({ baseUrl: serverUrl, token }),
    // The request that starts the run comes from a person.
    receiver: undefined,
    onError: () => {},
    retries: 0,
    failureUrl,
    ...(hasFunction
      ? {
          failureFunction: ({ failStatus }: { readonly failStatus: number }) =>
            report({ failureStatus: failStatus }),
        }
      : {}),
  };
  return serve(
    async (context) => {
      await context.run("broken", () => {
        throw new Error("broken");
      });
      // It has a client class of its own, with the same methods.
    },
    options as unknown as Options,
  ).handler;
}

process.once("message", (message) => {
  const handler = serveBroken(message as OldSdkOrder); // Its only sender is the test.
  const server = createServer(async (incoming, outgoing) => {
    const url = `http://${incoming.headers.host}${incoming.url}`;
    const headers = new Headers(
      Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]),
    );
    const response = await handler(
      new Request(url, { method: "POST", headers, body: await text(incoming) }),
    );
    outgoing.writeHead(response.status, [...response.headers].flat());
    outgoing.end(await response.text());
  });
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    report({ url: `http://127.0.0.1:${port}/order` });
  });
});
// Nobody is left to be served.
process.once("disconnect", () => process.exit(0));
