/** A module's state as a map from names to tensors, and back. */
import { noGrad } from '../autograd/mode.js';
import { ArgumentError } from '../base/errors.js';
import { sameShape, showShape } from '../base/shape.js';
import { fromTypedArray, Tensor, type Workspace, withWorkspace } from '../tensor/index.js';

export interface LoadOptions {
  /** Whether every name must be there on both sides (the default). Shapes must fit in any case. */
  readonly strict?: boolean;
}

export interface LoadResult {
  /** Names of the module that the state does not have; empty if strict. */
  readonly missingKeys: readonly string[];
  /** Names of the state that the module does not have; empty if strict. */
  readonly unexpectedKeys: readonly string[];
}

/** At most this many names of a kind are listed in an error. */
const LISTED = 100;

function listed(what: string, entries: readonly string[]): string[] {
  if (entries.length === 0) return [];
  const shown = entries.slice(0, LISTED).map((e) => `    ${e}`);
  if (entries.length > LISTED) shown.push(`    and ${entries.length - LISTED} more`);
  return [`  ${what}:`, ...shown];
}

/** The same values on another engine. */
function onWorkspace(t: Tensor, space: Workspace): Tensor {
  if (t.workspace === space) return t;
  return withWorkspace(space, () => fromTypedArray(t.dataSync(), t.shape, { dtype: t.dtype }));
}

export interface StatePlan {
  /** What to write where: the target first. */
  readonly pairs: readonly (readonly [Tensor, Tensor])[];
  readonly result: LoadResult;
  /** Lines about everything that does not fit; empty if it can be loaded. */
  readonly problems: readonly string[];
}

/** Compares `source` with the tensors of `target` and writes nothing. */
export function checkState(
  target: ReadonlyMap<string, Tensor>,
  source: ReadonlyMap<string, Tensor>,
  options: LoadOptions,
): StatePlan {
  if (!(source instanceof Map))
    throw new ArgumentError(
      'loadStateDict: the state is a Map from names to tensors, as stateDict() and load() give it; make one of an object with ' +
        'new Map(Object.entries(...))',
    );
  const strict = options.strict ?? true;
  const missingKeys = [...target.keys()].filter((key) => !source.has(key));
  const unexpectedKeys = [...source.keys()].filter((key) => !target.has(key));
  const wrong: string[] = [];
  const pairs: (readonly [Tensor, Tensor])[] = [];
  for (const [key, to] of target) {
    const from = source.get(key);
    if (from === undefined) continue;
    if (!(from instanceof Tensor)) wrong.push(`${key}: expected a tensor, got ${typeof from}`);
    else if (!sameShape(from.shape, to.shape))
      wrong.push(`${key}: expected ${showShape(to.shape)}, got ${showShape(from.shape)}`);
    else pairs.push([to, from]);
  }
  const problems = [
    ...(strict ? listed('missing', missingKeys) : []),
    ...(strict ? listed('unexpected', unexpectedKeys) : []),
    ...listed('of another shape', wrong),
  ];
  return { pairs, result: { missingKeys, unexpectedKeys }, problems };
}

/** Copies values, converting dtypes. */
export function writeState(pairs: StatePlan['pairs']): void {
  noGrad(() => {
    // Detached: a leaf that wants a gradient may be written to as well.
    for (const [to, from] of pairs) to.detach().copy_(onWorkspace(from.detach(), to.workspace));
  });
}

/**
 * Copies `source` into the tensors of `target`. Everything is checked before anything is written.
 *
 * @param owner what is loaded into, for the message.
 * @throws ArgumentError that lists every missing and unexpected name and every wrong shape.
 */
export function copyState(
  owner: string,
  target: ReadonlyMap<string, Tensor>,
  source: ReadonlyMap<string, Tensor>,
  options: LoadOptions = {},
): LoadResult {
  const { pairs, result, problems } = checkState(target, source, options);
  if (problems.length > 0) {
    const onlyNames = problems.every((line) => !line.startsWith('  of another shape'));
    const hint = onlyNames ? '\nPass { strict: false } to load only the names that both have.' : '';
    throw new ArgumentError(
      `loadStateDict: the state does not fit ${owner}; nothing was changed.\n${problems.join('\n')}${hint}`,
    );
  }
  writeState(pairs);
  return result;
}
