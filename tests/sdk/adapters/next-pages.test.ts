// API routes of the pages router, called as Next.js calls them: with the body parsed, and with its parser turned off.

import type { IncomingMessage } from "node:http";
import {
  createWorkflowPagesRouter,
  serveManyPagesRouter,
  servePagesRouter,
  verifySignature,
} from "@reprise/sdk/nextjs";
import type { NextApiHandler, NextApiRequest, NextApiResponse } from "next";
import { type AdapterTraits, adapterSuite } from "./adapter.suite.ts";
import { failing, failingOptions, mirror, order } from "./routes.ts";
import { listenTo } from "./world.ts";

type ReadBody = (request: IncomingMessage) => Promise<unknown>;

function pagesSuite(name: string, readBody: ReadBody, traits: AdapterTraits): void {
  adapterSuite(
    name,
    async ({ signed, open, prefixed, config }) => {
      const many = serveManyPagesRouter({
        order: createWorkflowPagesRouter(order, signed),
        mirror: createWorkflowPagesRouter(mirror, signed),
      });
      const routes: Record<string, NextApiHandler> = {
        "/order": servePagesRouter(order, signed).handler,
        "/order-text": servePagesRouter(mirror, signed).handler,
        "/failing": servePagesRouter(failing, { ...signed, ...failingOptions }).handler,
        "/open": servePagesRouter(mirror, open).handler,
        "/prefixed": servePagesRouter(mirror, prefixed).handler,
        "/message": verifySignature((request: NextApiRequest, response: NextApiResponse) => {
          const { body } = request;
          response.end(typeof body === "string" ? body : JSON.stringify(body, null, 2));
        }, config),
      };
      return listenTo(async (request, response) => {
        const [path = ""] = (request.url ?? "").split("?");
        const body = path === "/message" ? undefined : await readBody(request);
        Object.assign(request, body === undefined ? {} : { body });
        // What Next.js adds besides is not used.
        const [next, answer] = [request, response] as unknown as [NextApiRequest, NextApiResponse];
        await (routes[path] ?? many.handler)(next, answer);
      });
    },
    traits,
  );
}

pagesSuite("Next.js, pages router", readAsNext, { readsForwarded: true });
pagesSuite("Next.js, pages router without a body parser", async () => undefined, {
  readsForwarded: true,
});

async function readAsNext(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  if (!String(request.headers["content-type"]).includes("json")) return text;
  return text === "" ? {} : JSON.parse(text);
}
