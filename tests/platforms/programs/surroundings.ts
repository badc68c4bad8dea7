import type { AppEnvironment } from "../../sdk/adapters/routes.ts";

interface ProcessLike {
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A variable of the process. */
export function readSetting(name: string): string | undefined {
  // Node, Bun and Deno have it.
  return (globalThis as unknown as { readonly process: ProcessLike }).process.env[name];
}

/** What the tests tell the app. */
export function readEnvironment(): AppEnvironment {
  // Written by the tests.
  return JSON.parse(readSetting("APP_ENVIRONMENT") ?? "{}") as AppEnvironment;
}

/** Tells the tests where the app is. */
export function announce(port: number): void {
  console.log(`running at http://127.0.0.1:${port} `);
}

/** What the events of frameworks have in common. */
export interface RequestEvent {
  readonly request: Request;
}

/** Lets handlers of Web requests call handlers of events, with the event that the framework has made. */
export class Events {
  readonly #events = new WeakMap<Request, RequestEvent>();

  handler(app: (request: Request) => Promise<Response>) {
    return (event: RequestEvent): Promise<Response> => {
      this.#events.set(event.request, event);
      return app(event.request);
    };
  }

  call(handler: (event: RequestEvent) => Promise<Response>) {
    return (request: Request): Promise<Response> =>
      handler(this.#events.get(request) ?? { request });
  }
}
