// The app on Deno.

import { serve, serveMany, verifySignature } from "@reprise/sdk/deno";
import { toParts } from "../../sdk/adapters/routes.ts";
import { echo, toWebApp } from "../../sdk/adapters/web-forms.ts";
import { announce, readEnvironment } from "./surroundings.ts";

interface DenoLike {
  serve(
    options: {
      readonly hostname: string;
      readonly port: number;
      readonly onListen: (address: { readonly port: number }) => void;
    },
    handler: (request: Request) => Promise<Response>,
  ): void;
}

// The global of Deno, whose types are not installed.
const { Deno } = globalThis as unknown as { readonly Deno: DenoLike };
const message = (config: object) => verifySignature(echo, config);
const app = toWebApp({ one: serve, many: serveMany, message }, toParts(readEnvironment()));
const onListen = ({ port }: { readonly port: number }): void => announce(port);
Deno.serve({ hostname: "127.0.0.1", port: 0, onListen }, app);
