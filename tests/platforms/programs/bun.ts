// The app on Bun.

import { serve, serveMany, verifySignature } from "@reprise/sdk/bun";
import { toParts } from "../../sdk/adapters/routes.ts";
import { echo, toWebApp } from "../../sdk/adapters/web-forms.ts";
import { announce, readEnvironment } from "./surroundings.ts";

interface BunLike {
  serve(options: {
    readonly hostname: string;
    readonly port: number;
    readonly fetch: (request: Request) => Promise<Response>;
  }): { readonly port: number };
}

// The global of Bun, whose types are not installed.
const { Bun } = globalThis as unknown as { readonly Bun: BunLike };
const message = (config: object) => verifySignature(echo, config);
const app = toWebApp({ one: serve, many: serveMany, message }, toParts(readEnvironment()));
announce(Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: app }).port);
