import { Copy } from "./copy.tsx";

/** A command for the shell that works as it stands, with the way to take it along. */
export function Snippet({ command }: { readonly command: string }) {
  return (
    <span className="mt-1 flex items-center justify-center gap-1">
      <code data-snippet className="rounded bg-raised px-1.5 py-0.5 text-left font-mono text-xs">
        {command}
      </code>
      <Copy text={command} label="the command" />
    </span>
  );
}
