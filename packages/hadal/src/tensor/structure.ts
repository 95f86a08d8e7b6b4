/** Tensors in lists and objects: what functions of several tensors take and give. */
import { ArgumentError } from '../base/errors.js';
import { Tensor } from './tensor.js';

/** A tensor; null for none; or a list or plain object of these. */
export type Structure = Tensor | null | readonly Structure[] | { readonly [name: string]: Structure };

/** A structure without its tensors, which makes one of the same form from others. */
export interface Form {
  readonly count: number;
  /** The form as text, for comparisons and messages: `{ hidden: tensor, cell: tensor }`. */
  readonly text: string;
  build(tensors: readonly Tensor[]): Structure;
}

interface Taken {
  readonly form: Form;
  readonly tensors: readonly Tensor[];
}

function isPlain(x: object): x is { readonly [name: string]: Structure } {
  const prototype: unknown = Object.getPrototypeOf(x);
  return prototype === null || prototype === Object.prototype;
}

/**
 * The tensors of a structure in order, and its form.
 *
 * @throws ArgumentError naming the place of what is neither a tensor nor made of them.
 */
export function takeApart(op: string, what: string, x: unknown): Taken {
  const tensors: Tensor[] = [];
  const visit = (at: string, part: unknown): Form => {
    if (part === null) return { count: 0, text: 'null', build: () => null };
    if (part instanceof Tensor) {
      tensors.push(part);
      return { count: 1, text: 'tensor', build: ([t]) => t };
    }
    if (Array.isArray(part)) {
      const parts = part.map((p: unknown, i) => visit(`${at}[${i}]`, p));
      const text = `[${parts.map((p) => p.text).join(', ')}]`;
      return { count: countOf(parts), text, build: (all) => shareOut(parts, all) };
    }
    if (typeof part === 'object' && part !== undefined && isPlain(part)) {
      const names = Object.keys(part);
      const parts = names.map((name) => visit(`${at}.${name}`, part[name]));
      const text = `{ ${parts.map((p, i) => `${names[i]}: ${p.text}`).join(', ')} }`;
      const build = (all: readonly Tensor[]): Structure =>
        Object.fromEntries(shareOut(parts, all).map((made, i) => [names[i], made]));
      return { count: countOf(parts), text, build };
    }
    throw new ArgumentError(
      `${op}: ${at} is a ${typeof part === 'object' ? (part?.constructor?.name ?? 'thing') : typeof part}; ` +
        'expected a tensor, null, or a list or plain object of these',
    );
  };
  return { form: visit(what, x), tensors };
}

function countOf(parts: readonly Form[]): number {
  return parts.reduce((n, p) => n + p.count, 0);
}

function shareOut(parts: readonly Form[], tensors: readonly Tensor[]): Structure[] {
  let from = 0;
  return parts.map((p) => {
    from += p.count;
    return p.build(tensors.slice(from - p.count, from));
  });
}
