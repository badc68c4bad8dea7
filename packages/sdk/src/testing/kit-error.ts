/** A test has not said what the kit needs to know. It ends `finished()`, and is no failure of the run. */
export class KitError extends Error {
  override readonly name = "KitError";
}
