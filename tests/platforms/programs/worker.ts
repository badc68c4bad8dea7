// The app as a Cloudflare Worker, with bindings as its environment.

import { serve, serveMany, verifySignature } from "@reprise/sdk/cloudflare";
import { type AppEnvironment, toParts } from "../../sdk/adapters/routes.ts";
import { echo, toWebApp, type WebForm, type WebHandler } from "../../sdk/adapters/web-forms.ts";

let app: WebHandler | undefined;

function toForm(env: AppEnvironment): WebForm {
  return {
    one: (route, { env: _given, ...options }) => {
      const worker = serve(route, options);
      return (request) => worker.fetch(request, env, {});
    },
    many: (workflows) => {
      const worker = serveMany(workflows);
      return (request) => worker.fetch(request, env, {});
    },
    message: ({ clockTolerance }) => {
      const handler = verifySignature((request: Request, _env: object) => echo(request), {
        clockTolerance,
      });
      return (request) => handler(request, env);
    },
  };
}

/** The default export of the bundle. */
export const worker = {
  fetch(request: Request, env: AppEnvironment): Promise<Response> {
    app ??= toWebApp(toForm(env), toParts(env));
    return app(request);
  },
};
