import { useSyncExternalStore } from "react";

/** Filters that a person keeps under a name, in this browser. */
export interface SavedView {
  readonly name: string;
  /** The filter as it is typed. */
  readonly text: string;
}

const VIEWS_MAX = 50;
const listeners = new Set<() => void>();
const read = new Map<string, { readonly stored: string; readonly views: readonly SavedView[] }>();
const NONE: readonly SavedView[] = [];

const keyOf = (page: string): string => `reprise.views.${page}`;

/** What is stored was written by this page or by somebody who edits it by hand: whatever does not fit is left out. */
export function parseViews(stored: string | null): readonly SavedView[] {
  if (stored === null) return NONE;
  try {
    const value: unknown = JSON.parse(stored);
    return Array.isArray(value) ? value.filter(isView).slice(0, VIEWS_MAX) : NONE;
  } catch {
    return NONE;
  }
}

function isView(value: unknown): value is SavedView {
  if (typeof value !== "object" || value === null) return false;
  return (
    "name" in value &&
    typeof value.name === "string" &&
    "text" in value &&
    typeof value.text === "string"
  );
}

export function addView(views: readonly SavedView[], view: SavedView): readonly SavedView[] {
  const others = views.filter(({ name }) => name !== view.name);
  return [...others, view].toSorted((a, b) => a.name.localeCompare(b.name)).slice(0, VIEWS_MAX);
}

function viewsOf(page: string): readonly SavedView[] {
  const stored = localStorage.getItem(keyOf(page)) ?? "";
  const known = read.get(page);
  if (known?.stored === stored) return known.views;
  const views = parseViews(stored === "" ? null : stored);
  read.set(page, { stored, views });
  return views;
}

function write(page: string, views: readonly SavedView[]): void {
  localStorage.setItem(keyOf(page), JSON.stringify(views));
  for (const listener of listeners) listener();
}

export function saveView(page: string, view: SavedView): void {
  write(page, addView(viewsOf(page), view));
}

export function deleteView(page: string, name: string): void {
  write(
    page,
    viewsOf(page).filter((view) => view.name !== name),
  );
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  // Another tab of the browser.
  window.addEventListener("storage", listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener("storage", listener);
  };
}

export const useSavedViews = (page: string): readonly SavedView[] =>
  useSyncExternalStore(subscribe, () => viewsOf(page));
