import { createContext, type ReactNode, useContext } from "react";

/** Parts stand below headings of other levels from page to page; whoever reads by headings shall miss no level. */

const LEVELS = ["h2", "h3", "h4", "h5"] as const;
const TOP = 1;
const Level = createContext(TOP);

/** What is inside stands below one more heading. */
export function Below({ children }: { readonly children: ReactNode }) {
  return <Level value={useContext(Level) + 1}>{children}</Level>;
}

interface SubHeadingProps {
  readonly className: string;
  readonly children: ReactNode;
}

/** A heading below that of a panel, or deeper inside of `Below`. */
export function SubHeading({ className, children }: SubHeadingProps) {
  const Tag = LEVELS[useContext(Level)] ?? "h6";
  return <Tag className={className}>{children}</Tag>;
}
