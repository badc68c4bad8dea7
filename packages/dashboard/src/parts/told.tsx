import { textOf, toldWords } from "./verdict.ts";
import { formatInstant, useZone } from "./when.tsx";

/** What the server says in a sentence, with its instants in the zone of this person; as it was said on hover. */
export function Told({ text }: { readonly text: string }) {
  const zone = useZone();
  return <span title={text}>{textOf(toldWords(text), (at) => formatInstant(at, zone))}</span>;
}
