// The app as a route of SvelteKit.

import { serve, serveMany, verifySignatureSvelte } from "@reprise/sdk/svelte";
import { toParts } from "../../sdk/adapters/routes.ts";
import { echo, toWebApp } from "../../sdk/adapters/web-forms.ts";
import { Events, readEnvironment, readSetting } from "./surroundings.ts";

const events = new Events();
// Its server takes every request for one by https, unless a proxy says otherwise.
const baseUrl = readSetting("APP_URL");
const app = toWebApp(
  {
    one: (route, options) => {
      const known = options.url === undefined ? { ...options, baseUrl } : options;
      return events.call(serve(route, known).POST);
    },
    many: (workflows) => events.call(serveMany(workflows).POST),
    message: (config) => events.call(verifySignatureSvelte(({ request }) => echo(request), config)),
  },
  toParts(readEnvironment()),
);

/** The export of a `+server.js`. */
export const POST = events.handler(app);
