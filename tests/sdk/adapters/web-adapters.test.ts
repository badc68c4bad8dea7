// Adapters whose frameworks are not installed here, called by their documented handler signatures.

import * as astro from "@reprise/sdk/astro";
import * as bun from "@reprise/sdk/bun";
import * as cloudflare from "@reprise/sdk/cloudflare";
import * as deno from "@reprise/sdk/deno";
import * as nextjs from "@reprise/sdk/nextjs";
import * as reactRouter from "@reprise/sdk/react-router";
import * as remix from "@reprise/sdk/remix";
import * as solidjs from "@reprise/sdk/solidjs";
import * as svelte from "@reprise/sdk/svelte";
import * as tanstack from "@reprise/sdk/tanstack";
import { webSuite } from "./web.suite.ts";
import { echo } from "./web-forms.ts";

/** What frameworks with a `POST` in a route of files have in common. */
interface PostRoute {
  readonly POST: (event: { readonly request: Request }) => Promise<Response>;
}

const viaPost =
  ({ POST }: PostRoute) =>
  (request: Request): Promise<Response> =>
    POST({ request });

type Event = { readonly request: Request };
const echoEvent = ({ request }: Event): Promise<Response> => echo(request);

webSuite("SvelteKit", {
  one: (route, options) => viaPost(svelte.serve(route, options)),
  many: (workflows) => viaPost(svelte.serveMany(workflows)),
  message: (config) => {
    const handler = svelte.verifySignatureSvelte(echoEvent, config);
    return (request) => handler({ request });
  },
});

webSuite("SolidStart", {
  one: (route, options) => viaPost(solidjs.serve(route, options)),
  many: (workflows) => viaPost(solidjs.serveMany(workflows)),
  message: (config) => {
    const handler = solidjs.verifySignatureSolidjs(echoEvent, config);
    return (request) => handler({ request });
  },
});

webSuite("TanStack Start", {
  one: (route, options) => viaPost(tanstack.serve(route, options)),
  many: (workflows) => viaPost(tanstack.serveMany(workflows)),
  message: (config) => {
    const handler = tanstack.verifySignature(echoEvent, config);
    return (request) => handler({ request });
  },
});

webSuite("Astro", {
  one: (route, options) =>
    viaPost(
      astro.serve((context, apiContext) => {
        // Every delivery has a context of Astro.
        if (!(apiContext.request instanceof Request)) throw new Error("no context of Astro");
        return route(context);
      }, options),
    ),
  many: (workflows) => viaPost(astro.serveMany(workflows)),
  message: (config) => {
    const handler = astro.verifySignature(echoEvent, config);
    return (request) => handler({ request });
  },
});

for (const [name, router] of Object.entries({ "React Router": reactRouter, Remix: remix })) {
  webSuite(name, {
    one: (route, options) => {
      const action = router.serve(route, options);
      return (request) => action({ request });
    },
    many: (workflows) => {
      const action = router.serveMany(workflows);
      return (request) => action({ request });
    },
    message: (config) => {
      const action = router.verifySignature(echoEvent, config);
      return (request) => action({ request });
    },
  });
}

for (const [name, platform] of Object.entries({ Bun: bun, Deno: deno })) {
  webSuite(name, {
    one: platform.serve,
    many: platform.serveMany,
    message: (config) => platform.verifySignature(echo, config),
  });
}

webSuite("Next.js, app router", {
  one: (route, options) => nextjs.serve(route, options).POST,
  many: (workflows) => nextjs.serveMany(workflows).POST,
  message: (config) => nextjs.verifySignatureAppRouter(echo, config),
});

// The environment comes with each request.
webSuite("Cloudflare Workers", {
  one: (route, { env = {}, ...options }) => {
    const worker = cloudflare.serve(route, options);
    return (request) => worker.fetch(request, env, { waitUntil: () => {} });
  },
  many: (workflows) => {
    const worker = cloudflare.serveMany(workflows);
    return (request) => worker.fetch(request, {}, {});
  },
  message: ({ currentSigningKey, nextSigningKey, ...config }) => {
    const env = {
      QSTASH_CURRENT_SIGNING_KEY: currentSigningKey,
      QSTASH_NEXT_SIGNING_KEY: nextSigningKey,
    };
    const handler = cloudflare.verifySignature(
      (request: Request, _env: object) => echo(request),
      config,
    );
    return (request) => handler(request, env);
  },
});

webSuite("Cloudflare Pages", {
  one: (route, { env = {}, ...options }) => {
    const worker = cloudflare.serve(route, options);
    return (request) => worker.fetch({ request, env });
  },
  many: (workflows) => {
    const worker = cloudflare.serveMany(workflows);
    return (request) => worker.fetch({ request, env: {} });
  },
  message: (config) => cloudflare.verifySignature(echo, config),
});
