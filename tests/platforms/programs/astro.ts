// The app as a route of Astro.

import { serve, serveMany, verifySignature } from "@reprise/sdk/astro";
import { toParts } from "../../sdk/adapters/routes.ts";
import { echo, toWebApp } from "../../sdk/adapters/web-forms.ts";
import { Events, readEnvironment } from "./surroundings.ts";

const events = new Events();
const app = toWebApp(
  {
    one: (route, options) =>
      events.call(serve((context, _apiContext) => route(context), options).POST),
    many: (workflows) => events.call(serveMany(workflows).POST),
    message: (config) => events.call(verifySignature(({ request }) => echo(request), config)),
  },
  toParts(readEnvironment()),
);

/** The export of an endpoint. */
export const POST = events.handler(app);
