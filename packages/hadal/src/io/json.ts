/** JSON as a type, and as text that keeps the numbers that JSON lacks: a run's history may hold a loss of NaN. */
import { ArgumentError } from '../base/errors.js';

/** What JSON can hold, NaN and the infinities among the numbers. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [name: string]: Json | undefined };

export type JsonObject = { readonly [name: string]: Json | undefined };

/** The name under which `{"$number": "NaN"}` stands for a number that JSON lacks. */
const numberName = '$number';

const special: ReadonlyMap<string, number> = new Map([
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
]);

/**
 * @param what names the value in errors.
 * @throws ArgumentError at a function, a symbol, a bigint or a circle.
 */
export function jsonText(value: unknown, what: string): string {
  const replacer = (key: string, item: unknown): unknown => {
    if (typeof item === 'number' && !Number.isFinite(item)) return { [numberName]: String(item) };
    if (typeof item === 'function' || typeof item === 'symbol' || typeof item === 'bigint') {
      throw new ArgumentError(`${what}: ${JSON.stringify(key)} is a ${typeof item}, which JSON cannot hold`);
    }
    return item;
  };
  try {
    return `${JSON.stringify(value, replacer, 2)}\n`;
  } catch (cause) {
    if (cause instanceof ArgumentError) throw cause;
    throw new ArgumentError(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** @throws SyntaxError if it is not JSON. */
export function parseJson(text: string): Json {
  return JSON.parse(text, (_, item: unknown) => {
    if (!isObject(item) || typeof item[numberName] !== 'string' || Object.keys(item).length !== 1)
      return item;
    return special.get(item[numberName]) ?? item;
  }) as Json;
}

export function isObject(value: unknown): value is { readonly [name: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
