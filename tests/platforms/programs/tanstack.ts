// The app as a server route of TanStack Start.

import { serve, serveMany, verifySignature } from "@reprise/sdk/tanstack";
import { toParts } from "../../sdk/adapters/routes.ts";
import { echo, toWebApp } from "../../sdk/adapters/web-forms.ts";
import { Events, readEnvironment } from "./surroundings.ts";

const events = new Events();
const app = toWebApp(
  {
    one: (route, options) => events.call(serve(route, options).POST),
    many: (workflows) => events.call(serveMany(workflows).POST),
    message: (config) => events.call(verifySignature(({ request }) => echo(request), config)),
  },
  toParts(readEnvironment()),
);

/** One of the `handlers` of a server route. */
export const POST = events.handler(app);
