/**
 * einsum: products and sums written with a letter a dimension. Terms:
 * - an operand's **labels** name its dimensions, from the equation; an ellipsis stands for dimensions that broadcast, which get
 *   labels of their own here, counted from the end so that those of all operands line up;
 * - a label is summed over as soon as neither the result nor an operand to come has it.
 *
 * Operands are taken from left to right, each pair as one dot of the graph: labels of both that are still needed are its batch,
 * labels of both that are not are contracted.
 */
import type { AutogradOps } from '../autograd/ops.js';
import type { Value } from '../autograd/value.js';
import { ArgumentError, ShapeError } from '../base/errors.js';
import { showShape } from '../base/shape.js';
import { factors } from './matmul.js';

interface Term {
  readonly value: Value;
  readonly labels: readonly string[];
}

interface Equation {
  readonly inputs: readonly (readonly string[])[];
  readonly output: readonly string[];
}

const ELLIPSIS = '...';

/** The letters of one operand, with the ellipsis as one entry. */
function letters(equation: string, part: string): string[] {
  const out: string[] = [];
  for (let i = 0; i < part.length; i++) {
    if (part.startsWith(ELLIPSIS, i)) {
      out.push(ELLIPSIS);
      i += 2;
    } else if (/[A-Za-z]/.test(part[i])) out.push(part[i]);
    else
      throw new ArgumentError(
        `einsum: '${part[i]}' in '${equation}' is neither a letter nor part of '...', ',' or '->'`,
      );
  }
  if (out.filter((l) => l === ELLIPSIS).length > 1)
    throw new ArgumentError(`einsum: '${part}' in '${equation}' has more than one '...'`);
  return out;
}

function parse(equation: string, values: readonly Value[]): Equation {
  const text = equation.replaceAll(' ', '');
  const [left, right, ...more] = text.split('->');
  if (more.length > 0) throw new ArgumentError(`einsum: '${equation}' has more than one '->'`);
  const parts = left.split(',');
  if (parts.length !== values.length)
    throw new ArgumentError(
      `einsum: '${equation}' names ${parts.length} operand${parts.length === 1 ? '' : 's'}, got ${values.length}`,
    );
  let widest = 0;
  const inputs = parts.map((part, i) => {
    const own = letters(equation, part);
    const { shape } = values[i];
    const open = own.includes(ELLIPSIS);
    const spare = shape.length - (open ? own.length - 1 : own.length);
    if (open ? spare < 0 : spare !== 0)
      throw new ShapeError(
        `einsum: '${part}' has ${own.length - Number(open)} letters for operand ${i} of shape ${showShape(shape)}`,
      );
    widest = Math.max(widest, open ? spare : 0);
    return own.flatMap((l) => (l === ELLIPSIS ? broadcastLabels(spare) : [l]));
  });
  const output =
    right === undefined
      ? implicitOutput(inputs, widest)
      : letters(equation, right).flatMap((l) => (l === ELLIPSIS ? broadcastLabels(widest) : [l]));
  for (const l of output) {
    if (output.indexOf(l) !== output.lastIndexOf(l))
      throw new ArgumentError(`einsum: '${l}' stands twice in the result of '${equation}'`);
    if (!inputs.some((labels) => labels.includes(l)))
      throw new ArgumentError(`einsum: '${l}' in the result of '${equation}' is in none of the operands`);
  }
  return { inputs, output };
}

/** Labels of the dimensions an ellipsis stands for; the last one is .1, the one before it .2, and so on. */
function broadcastLabels(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `.${count - i}`);
}

/** Without `->`: the ellipsis, then every letter that stands once, in alphabetical order (capitals first). */
function implicitOutput(inputs: readonly (readonly string[])[], widest: number): string[] {
  const all = inputs.flat().filter((l) => !l.startsWith('.'));
  const once = all.filter((l) => all.indexOf(l) === all.lastIndexOf(l)).sort();
  return [...broadcastLabels(widest), ...once];
}

/** Repeated labels of one operand as a single one: its diagonal. */
function withoutRepeats(ops: AutogradOps, { value, labels }: Term): Term {
  const again = labels.findIndex((l, i) => labels.indexOf(l) !== i);
  if (again < 0) return { value, labels };
  const first = labels.indexOf(labels[again]);
  const n = value.shape[first];
  if (n !== value.shape[again])
    throw new ShapeError(
      `einsum: '${labels[again]}' stands for sizes ${n} and ${value.shape[again]} of one operand of shape ${showShape(value.shape)}`,
    );
  const rest = labels.map((_, d) => d).filter((d) => d !== first && d !== again);
  const batch = rest.map((d) => value.shape[d]);
  const flat = ops.reshape(ops.permute(value, [...rest, first, again]), [...batch, n * n]);
  const diagonal = ops.slice(flat, [...batch.map(() => 0), 0], [...batch.map(() => 1), n + 1], [...batch, n]);
  return withoutRepeats(ops, { value: diagonal, labels: [...rest.map((d) => labels[d]), labels[first]] });
}

/** Sums over labels that nobody needs any more. */
function sumOver(ops: AutogradOps, { value, labels }: Term, needed: ReadonlySet<string>): Term {
  const gone = labels.flatMap((l, d) => (needed.has(l) ? [] : [d]));
  if (gone.length === 0) return { value, labels };
  const kept = labels.filter((l) => needed.has(l));
  const total = ops.reduce('sum', value, gone);
  return {
    value: ops.reshape(
      total,
      value.shape.filter((_, d) => !gone.includes(d)),
    ),
    labels: kept,
  };
}

/** Drops dimensions of size 1 that another operand has larger: they broadcast. */
function withoutOnes({ value, labels }: Term, sizes: ReadonlyMap<string, number>, ops: AutogradOps): Term {
  const kept = labels.map((_, d) => d).filter((d) => value.shape[d] === sizes.get(labels[d]));
  if (kept.length === labels.length) return { value, labels };
  return {
    value: ops.reshape(
      value,
      kept.map((d) => value.shape[d]),
    ),
    labels: kept.map((d) => labels[d]),
  };
}

function sizesOf(terms: readonly Term[], equation: string): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const { value, labels } of terms) {
    labels.forEach((l, d) => {
      const [have, size] = [sizes.get(l) ?? 1, value.shape[d]];
      if (have !== 1 && size !== 1 && have !== size)
        throw new ShapeError(
          `einsum: '${l.startsWith('.') ? ELLIPSIS : l}' in '${equation}' stands for sizes ${have} and ${size}; shapes ${terms.map((t) => showShape(t.value.shape)).join(' and ')}`,
        );
      sizes.set(l, have === 1 ? size : have);
    });
  }
  return sizes;
}

function multiply(ops: AutogradOps, x: Term, y: Term, needed: ReadonlySet<string>): Term {
  const shared = x.labels.filter((l) => y.labels.includes(l));
  const batch = shared.filter((l) => needed.has(l));
  const contract = shared.filter((l) => !needed.has(l));
  const at = (t: Term, list: readonly string[]): number[] => list.map((l) => t.labels.indexOf(l));
  const free = (t: Term): string[] => t.labels.filter((l) => !shared.includes(l));
  const [a, b] = factors(ops, 'einsum', x.value, y.value);
  const value = ops.dot(a, b, {
    lhsBatch: at(x, batch),
    rhsBatch: at(y, batch),
    lhsContract: at(x, contract),
    rhsContract: at(y, contract),
  });
  return { value, labels: [...batch, ...free(x), ...free(y)] };
}

export function einsum(ops: AutogradOps, equation: string, values: readonly Value[]): Value {
  if (values.length === 0) throw new ArgumentError('einsum: expected at least one operand');
  const { inputs, output } = parse(equation, values);
  const single = values.map((value, i) => withoutRepeats(ops, { value, labels: inputs[i] }));
  const sizes = sizesOf(single, equation);
  const terms = single.map((t) => withoutOnes(t, sizes, ops));
  const needed = (from: number): Set<string> =>
    new Set([...output, ...terms.slice(from).flatMap((t) => t.labels)]);
  // A label of one operand alone is summed there, so that the dot does not carry it.
  const summed = terms.map((t, i) =>
    sumOver(ops, t, new Set([...output, ...terms.filter((_, j) => j !== i).flatMap((o) => o.labels)])),
  );
  const product = summed.slice(1).reduce((x, y, i) => {
    const still = needed(i + 2);
    return sumOver(ops, multiply(ops, x, y, still), still);
  }, summed[0]);
  const order = output.filter((l) => product.labels.includes(l)).map((l) => product.labels.indexOf(l));
  const placed = ops.permute(product.value, order);
  return placed === values[0] ? ops.copy(placed) : placed;
}
