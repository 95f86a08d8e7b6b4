/** The settings of an optimizer as JSON, and back with every check. */
import { ArgumentError } from '../base/errors.js';
import type { Json } from '../io/json.js';
import { isObject } from '../io/json.js';
import type { ParamGroup, Settings } from './param-group.js';

export function writeSettings(type: string, groups: readonly ParamGroup[], steps: readonly number[]): Json {
  let first = 0;
  return {
    type,
    groups: groups.map(({ params, ...settings }) => {
      const numbers = params.map((_, i) => first + i);
      first += params.length;
      return { ...(settings as unknown as { [name: string]: Json }), params: numbers };
    }),
    steps: [...steps],
  };
}

export interface ReadSettings<S extends Settings> {
  /** What to give each group; as many as there are groups, also where there are problems. */
  readonly groups: readonly Partial<S>[];
  readonly steps: readonly number[];
  readonly problems: readonly string[];
}

/** Whether two values are of one kind: numbers, booleans, or lists as long as each other of such. */
function alike(a: unknown, b: unknown): boolean {
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((v, i) => alike(v, b[i]));
  return typeof a === typeof b && (typeof a === 'number' || typeof a === 'boolean');
}

/** @param check throws for a setting out of its range. */
export function readSettings<S extends Settings>(
  type: string,
  groups: readonly ParamGroup<S>[],
  saved: Json,
  check: (settings: S) => void,
): ReadSettings<S> {
  const problems: string[] = [];
  const count = groups.reduce((n, g) => n + g.params.length, 0);
  const nothing: ReadSettings<S> = {
    groups: groups.map(() => ({})),
    steps: new Array<number>(count).fill(0),
    problems,
  };
  if (!isObject(saved) || !Array.isArray(saved.groups) || !Array.isArray(saved.steps)) {
    problems.push('  the settings are no object with groups and steps');
    return nothing;
  }
  if (saved.type !== type) problems.push(`  it is the state of ${JSON.stringify(saved.type)}`);
  if (saved.groups.length !== groups.length) {
    problems.push(`  it has ${saved.groups.length} groups of parameters, this one ${groups.length}`);
    return nothing;
  }
  const list: readonly unknown[] = saved.groups;
  const steps: readonly unknown[] = saved.steps;
  if (steps.length !== count || !steps.every((s) => Number.isSafeInteger(s) && Number(s) >= 0))
    problems.push(`  steps: expected ${count} counts, got ${steps.length}`);
  const read = groups.map((group, g): Partial<S> => {
    const given: unknown = list[g];
    if (!isObject(given)) {
      problems.push(`  group ${g}: it is no object`);
      return {};
    }
    const { params, ...own } = group;
    const parameters = given.params;
    if (!Array.isArray(parameters) || parameters.length !== params.length) {
      const length = Array.isArray(parameters) ? parameters.length : 'no list of';
      problems.push(`  group ${g}: it has ${length} parameters, this one ${params.length}`);
    }
    const settings: { [name: string]: unknown } = {};
    for (const [name, value] of Object.entries(given)) {
      if (name === 'params') continue;
      const known = name in own || name === 'initialLr';
      if (known && alike((own as { [name: string]: unknown })[name] ?? 0, value)) settings[name] = value;
      else problems.push(`  group ${g}: ${name} is ${known ? 'no value of its kind' : 'no setting'}`);
    }
    try {
      check({ ...own, ...settings } as unknown as S);
    } catch (error) {
      if (!(error instanceof ArgumentError)) throw error;
      problems.push(`  group ${g}: ${error.message}`);
    }
    return settings as Partial<S>;
  });
  return { groups: read, steps: steps.map(Number), problems };
}
