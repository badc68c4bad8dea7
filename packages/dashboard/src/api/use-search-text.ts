import { useNavigate } from "@tanstack/react-router";
import { useEffect, useState } from "react";

const TYPING_MS = 250;

/** A text of the address that somebody types: the address follows when they pause. */
export function useSearchText(name: string, given: string): [string, (text: string) => void] {
  const navigate = useNavigate();
  const [text, setText] = useState(given);
  useEffect(() => setText(given), [given]);
  useEffect(() => {
    if (text === given) return;
    const timer = setTimeout(() => {
      void navigate({
        to: ".",
        // Pages of this router have searches of texts.
        search: ((before: Record<string, string>) => ({ ...before, [name]: text })) as never,
        replace: true,
      });
    }, TYPING_MS);
    return () => clearTimeout(timer);
  }, [text, given, name, navigate]);
  return [text, setText];
}
