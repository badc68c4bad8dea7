// The app as an API route of SolidStart.

import { serve, serveMany, verifySignatureSolidjs } from "@reprise/sdk/solidjs";
import { toParts } from "../../sdk/adapters/routes.ts";
import { echo, toWebApp } from "../../sdk/adapters/web-forms.ts";
import { Events, readEnvironment } from "./surroundings.ts";

const events = new Events();
const app = toWebApp(
  {
    one: (route, options) => events.call(serve(route, options).POST),
    many: (workflows) => events.call(serveMany(workflows).POST),
    message: (config) =>
      events.call(verifySignatureSolidjs(({ request }) => echo(request), config)),
  },
  toParts(readEnvironment()),
);

/** The export of an API route. */
export const POST = events.handler(app);
