/** Parameters of steps, read from JSON. */
import type { IndexItem, Tensor } from '../../../src/index.js';
import { slice } from '../../../src/index.js';
import { toNumber } from '../plain.js';

export type Parameter =
  | number
  | string
  | boolean
  | null
  | readonly (number | string | null | readonly (number | null)[])[]
  | { readonly [option: string]: number | boolean | readonly number[] };

export function num(p: Parameter | undefined): number {
  if (typeof p === 'number') return p;
  if (typeof p === 'string') return toNumber(p);
  throw new TypeError(`expected a number, got ${JSON.stringify(p)}`);
}
export function list(p: Parameter | undefined): number[] {
  if (Array.isArray(p)) return p.map((x) => num(x));
  throw new TypeError(`expected a list of numbers, got ${JSON.stringify(p)}`);
}
export function dims(p: Parameter | undefined): number | number[] | undefined {
  return p === null || p === undefined ? undefined : typeof p === 'number' ? p : list(p);
}
export function optional(p: Parameter | undefined): number | undefined {
  return p === null || p === undefined ? undefined : num(p);
}
export function indexItem(p: number | string | null | readonly (number | null)[]): IndexItem {
  if (p === ':' || p === '...' || p === null || typeof p === 'number') return p;
  if (typeof p === 'string') throw new TypeError(`no index: ${p}`);
  return slice(p[0] ?? null, p[1] ?? null, p[2] ?? 1);
}
export type Reduction = 'mean' | 'sum' | 'none';

export type Rule = (t: readonly Tensor[], p: readonly Parameter[]) => Tensor | null;

export function numberOrBool(p: Parameter | undefined): number | boolean {
  return typeof p === 'boolean' ? p : num(p);
}

/** The second operand of an arithmetic step: a tensor if the step has two, else its number. */
export function other(t: readonly Tensor[], p: readonly Parameter[]): Tensor | number | boolean {
  return t.length > 1 ? t[1] : numberOrBool(p[0]);
}

/** An update in place gives no new tensor. */
export const silent =
  (rule: Rule): Rule =>
  (t, p) => {
    rule(t, p);
    return null;
  };
