/** What a verb of the command line is, and what all of them share. */
import { parseArgs } from 'node:util';
import { HadalError } from '../base/errors.js';
import type { EngineName } from '../engine/backend.js';
import { engineNames } from '../engine/select.js';
import { setEngine } from '../tensor/index.js';

/** Where a verb writes. */
export interface Output {
  /** A line, or several, of what was asked for. */
  line(text: string): void;
  /** A line about what went wrong. */
  error(text: string): void;
  /** Width of the terminal; 80 if it is none. */
  readonly columns: number;
}

export interface Verb {
  readonly name: string;
  /** One line in the list of verbs. */
  readonly summary: string;
  readonly help: string;
  /** @returns the exit code: 0, or 1 if something that was asked for could not be done. */
  run(args: readonly string[], output: Output): Promise<number>;
}

/** The command was not understood: exit code 2. */
export class UsageError extends HadalError {
  override name = 'UsageError';
}

interface OptionKind {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
}

interface Arguments<T> {
  readonly values: { readonly [K in keyof T]?: T[K] extends { readonly type: 'boolean' } ? boolean : string };
  readonly positionals: readonly string[];
}

/** Arguments by `node:util`, with what is wrong as a `UsageError`. */
export function readArguments<const T extends { readonly [name: string]: OptionKind }>(
  args: readonly string[],
  options: T,
): Arguments<T> {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options }) as Arguments<T>;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new UsageError(message.split('. ')[0].replace(/\.$/, ''));
  }
}

/** A whole number of an option. */
export function integerOption(
  name: string,
  text: string | undefined,
  least: number,
  fallback: number,
): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least)
    throw new UsageError(`--${name} is an integer, ${least} or more; got '${text}'`);
  return value;
}

/** Chooses the engine of `--engine`, if there is one. */
export async function useEngine(name: string | undefined): Promise<void> {
  if (name === undefined) return;
  const known = engineNames.find((engine) => engine === name);
  if (known === undefined)
    throw new UsageError(`--engine is one of ${engineNames.join(', ')}; got '${name}'`);
  await setEngine(known satisfies EngineName);
}
