// Counts how often the code of each step really ran. The proof of the example: a finished step stays at one.

const executions = new Map<string, Map<string, number>>();

export function countExecution(orderId: string, step: string): void {
  const counts = executions.get(orderId) ?? new Map<string, number>();
  executions.set(orderId, counts.set(step, (counts.get(step) ?? 0) + 1));
}

/** Executions of each step of an order, in the order in which the steps first ran. */
export function executionsOf(orderId: string): Readonly<Record<string, number>> {
  return Object.fromEntries(executions.get(orderId) ?? []);
}
