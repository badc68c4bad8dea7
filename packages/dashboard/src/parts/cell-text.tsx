/** A text of a row, cut where the column ends, and whole on hover. */
export function CellText({ text }: { readonly text: string | undefined }) {
  return text === undefined ? null : <span title={text}>{text}</span>;
}
