/** States what must hold. Kept on in production: a broken assumption stops the decision before it can harm a row. */
export function assert(condition: boolean, why: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${why}`);
}
