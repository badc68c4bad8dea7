import { type Dispatcher, Pool } from "undici";

export interface RawRequest {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly headers: string[];
  readonly body: string | Uint8Array | null;
}

export interface RawResponse {
  readonly status: number;
  readonly body: string;
}

/** HTTP at the price of the dispatcher: `fetch` would cost the app more than the server takes for a step. */
export class RawClient {
  readonly #pool: Pool;

  constructor(origin: string, connections: number) {
    this.#pool = new Pool(origin, { connections, pipelining: 1 });
  }

  request({ method, path, headers, body }: RawRequest): Promise<RawResponse> {
    return new Promise((resolve, reject) => {
      let status = 0;
      let text = "";
      const handler: Dispatcher.DispatchHandler = {
        onRequestStart: () => {},
        onResponseStart: (_controller, code) => {
          status = code;
        },
        onResponseData: (_controller, chunk) => {
          text += chunk.toString("utf8");
        },
        onResponseEnd: () => resolve({ status, body: text }),
        onResponseError: (_controller, error) => reject(error),
      };
      // Without `reset: false` undici closes the connection behind every DELETE that has a body.
      this.#pool.dispatch({ method, path, headers, body, reset: false }, handler);
    });
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }
}

/** As `request`, but anything except a 2xx is an error with what the server said. */
export async function requestOk(client: RawClient, request: RawRequest): Promise<RawResponse> {
  const response = await client.request(request);
  if (response.status >= 200 && response.status < 300) return response;
  throw new Error(`${request.method} ${request.path} got ${response.status}: ${response.body}`);
}
