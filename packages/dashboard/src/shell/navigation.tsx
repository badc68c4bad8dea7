import { Link } from "@tanstack/react-router";
import { PLACES } from "./places.ts";

interface NavigationProps {
  readonly isOpen: boolean;
  readonly onChoose: () => void;
}

/** Beside the page on wide screens, over it on narrow ones. */
export function Navigation({ isOpen, onChoose }: NavigationProps) {
  const narrow = isOpen ? "fixed inset-y-12 left-0 z-30 shadow-xl" : "hidden";
  return (
    <nav
      aria-label="Pages"
      className={`${narrow} w-52 shrink-0 overflow-y-auto border-r border-line bg-panel p-3 md:static md:block md:shadow-none`}
    >
      {PLACES.map(({ title, places }) => (
        <div key={title} className="mb-4">
          <h2 className="px-2 text-xs font-semibold text-soft">{title}</h2>
          <ul className="mt-1">
            {places.map(({ to, title: name, icon: Icon }) => (
              <li key={to}>
                <Link
                  to={to}
                  onClick={onChoose}
                  activeOptions={{ exact: to === "/", includeSearch: false }}
                  className="flex items-center gap-2 rounded-md px-2 py-1.5 text-soft hover:bg-raised hover:text-ink"
                  activeProps={{
                    className: "bg-accent-soft text-ink font-medium",
                    "aria-current": "page",
                  }}
                >
                  <Icon size={15} aria-hidden />
                  {name}
                </Link>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </nav>
  );
}
