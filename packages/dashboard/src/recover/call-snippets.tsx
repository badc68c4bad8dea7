import { ChevronRight } from "lucide-react";
import { Tabs } from "radix-ui";
import { serverUrl } from "../api/client.ts";
import { Copy } from "../parts/copy.tsx";
import { cliOf, curlOf, type Recovery, sdkOf } from "./snippets.ts";

const FORMS = [
  ["curl", curlOf],
  ["CLI", cliOf],
  ["SDK", sdkOf],
] as const;

/** The same thing without this page. */
export function CallSnippets({ recovery }: { readonly recovery: Recovery }) {
  const server = serverUrl().href;
  return (
    <details className="group rounded-lg border border-line">
      <summary className="flex cursor-pointer list-none items-center gap-1.5 px-3 py-2 font-medium">
        <ChevronRight size={14} aria-hidden className="group-open:rotate-90" />
        The same by curl, CLI or SDK
      </summary>
      <Tabs.Root defaultValue="curl" className="border-t border-line">
        <Tabs.List className="flex gap-1 px-2 pt-2" aria-label="Form of the call">
          {FORMS.map(([name]) => (
            <Tabs.Trigger
              key={name}
              value={name}
              className="rounded-md px-2.5 py-1 text-soft hover:bg-raised data-[state=active]:bg-accent-soft data-[state=active]:font-medium data-[state=active]:text-ink"
            >
              {name}
            </Tabs.Trigger>
          ))}
        </Tabs.List>
        {FORMS.map(([name, write]) => {
          const text = write(server, recovery);
          return (
            <Tabs.Content key={name} value={name} className="relative p-2">
              <pre
                // biome-ignore lint/a11y/noNoninteractiveTabindex: whoever has no mouse scrolls with the keys
                tabIndex={0}
                className="max-h-48 overflow-auto rounded-md bg-ground p-3 pr-10 font-mono text-xs"
              >
                {text}
              </pre>
              <span className="absolute top-3 right-4">
                <Copy text={text} label={`the ${name} call`} />
              </span>
            </Tabs.Content>
          );
        })}
      </Tabs.Root>
    </details>
  );
}
