import { toNodeHandler } from "@reprise/sdk/node";
import { type AdapterTraits, adapterSuite } from "./adapter.suite.ts";
import { toWebApp, type WebForm } from "./web-forms.ts";
import { listenTo } from "./world.ts";

/** Runs the suite with the handlers of an adapter called as its framework calls them. */
export function webSuite(name: string, form: WebForm, traits: AdapterTraits = {}): void {
  adapterSuite(name, (parts) => listenTo(toNodeHandler(toWebApp(form, parts))), traits);
}
