/** Where `/` leads: the search or filter of the page; null when it has none. */
export const searchOfPage = (): HTMLElement | null =>
  document.querySelector<HTMLElement>("[data-search]");
