/** How a key is shown, and what it does. */
export type Line = readonly [shown: string, meaning: string];

/** Every key that a page may have; the first is its name. */
export const KEYS: readonly (readonly [name: string, ...line: Line])[] = [
  ["/", "/", "search this page"],
  ["mod+k", "Ctrl K", "go anywhere, do anything"],
  ["j", "j  k", "next, previous row or step"],
  ["o", "o", "open the row; Enter, too, while the list has the focus"],
  ["x", "x", "select the row"],
  ["X", "Shift x", "select up to the row"],
  ["r", "r", "resume or retry what is selected or open"],
  ["R", "Shift r", "restart it"],
  ["f", "f", "show failures like this one"],
  ["[", "[  ]", "previous, next failed step of the run"],
  ["e", "e", "export what the filter shows"],
  ["Escape", "Esc", "close what is open"],
  ["?", "?", "this help"],
];
