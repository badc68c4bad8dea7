import { CircleAlert } from "lucide-react";
import { Badge } from "./badge.tsx";
import { causeText } from "./causes.ts";

/** What went wrong, in a few words; more of them on hover. */
export function CauseBadge({ cause }: { readonly cause: string | undefined }) {
  const { title, meaning } = causeText(cause);
  return (
    <span title={meaning}>
      <Badge tone={cause === "cancelled" ? "dull" : "bad"} icon={CircleAlert}>
        {title}
      </Badge>
    </span>
  );
}
