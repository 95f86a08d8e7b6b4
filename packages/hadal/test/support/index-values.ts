/** What an index expression is worth, by its definition: the tests' own reading of it. */
import type { Guard, IndexExpr } from '../../src/kernel/index-expr.js';

function floorMod(a: number, b: number): number {
  return a - b * Math.floor(a / b);
}

/** The value of an expression for given loop variables. */
export function indexValue(e: IndexExpr, variables: readonly number[]): number {
  const sum = e.terms.reduce((sum, { atom, factor }) => {
    switch (atom.kind) {
      case 'var':
        return sum + factor * variables[atom.variable];
      case 'div':
        return sum + factor * Math.floor(indexValue(atom.of, variables) / atom.by);
      case 'mod':
        return sum + factor * floorMod(indexValue(atom.of, variables), atom.by);
      case 'clamp':
        return sum + factor * Math.min(Math.max(indexValue(atom.of, variables) - atom.low, 0), atom.max);
      case 'value':
        throw new Error('a loaded value has no value here');
    }
  }, e.base);
  // A factor of -1 makes -0 of 0, which is the same position.
  return sum + 0;
}

export function guardHolds(g: Guard, variables: readonly number[]): boolean {
  const at = indexValue(g.index, variables);
  return at >= g.low && at < g.high && floorMod(at - g.low, g.step) === 0;
}

/** Every value that loop variables of these sizes take together. */
export function points(sizes: readonly number[]): number[][] {
  return sizes.reduce<number[][]>(
    (all, size) => all.flatMap((p) => Array.from({ length: size }, (_, i) => [...p, i])),
    [[]],
  );
}
