// The app as a resource route of React Router.

import { serve, serveMany, verifySignature } from "@reprise/sdk/react-router";
import { toParts } from "../../sdk/adapters/routes.ts";
import { echo, toWebApp } from "../../sdk/adapters/web-forms.ts";
import { Events, readEnvironment } from "./surroundings.ts";

const events = new Events();
const app = toWebApp(
  {
    one: (route, options) => events.call(serve(route, options)),
    many: (workflows) => events.call(serveMany(workflows)),
    message: (config) => events.call(verifySignature(({ request }) => echo(request), config)),
  },
  toParts(readEnvironment()),
);

/** The export of a resource route. */
export const action = events.handler(app);
