import { WifiOff } from "lucide-react";
import { useLive } from "../api/live.tsx";

/** Says that what is shown may be old. */
export function LostBanner() {
  const { connection } = useLive();
  return (
    <div role="status" aria-live="polite">
      {connection === "lost" && (
        <p className="flex items-center gap-2 bg-warn-soft px-4 py-2 text-warn">
          <WifiOff size={15} aria-hidden />
          The connection to the server is lost. What you see may be old; the page connects again by
          itself.
        </p>
      )}
    </div>
  );
}
