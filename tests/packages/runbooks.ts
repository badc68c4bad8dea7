import { readFile } from "./settings.ts";

/** The sections of a page, each with what it says to type. */
export interface Runbook {
  readonly title: string;
  /** The `sh` blocks in order. */
  readonly blocks: readonly string[];
}

export function readRunbooks(page: string): readonly Runbook[] {
  const [, ...sections] = readFile(page).split(/^## /m);
  return sections.map((section) => {
    const [title = ""] = section.split("\n");
    const blocks = [...section.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, text = ""]) => text);
    return { title, blocks };
  });
}
