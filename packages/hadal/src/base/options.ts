/**
 * Options as JavaScript hands them over. The compiler refuses a name that nobody reads; where there is no compiler such a name would do
 * nothing without a word, and so would a value in the options' place.
 */
import { ArgumentError } from './errors.js';

/** Every name of the options `O`: a table that lacks one does not compile. */
export type OptionNames<O> = { readonly [K in keyof O]-?: true };

/** Names from other libraries differ by case and underscores. */
function plain(name: string): string {
  return name.replaceAll('_', '').toLowerCase();
}

/** @throws ArgumentError unless `options` is an object with none but the names of the table. */
export function checkOptions<O extends object>(owner: string, options: O, names: OptionNames<O>): O {
  const all = Object.keys(names);
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    const given = typeof options === 'object' ? (options === null ? 'null' : 'an array') : String(options);
    throw new ArgumentError(`${owner}: options are an object such as { ${all[0]}: ... }, got ${given}`);
  }
  for (const name in options) {
    if (Object.hasOwn(names, name)) continue;
    const meant = all.find((other) => plain(other) === plain(name));
    throw new ArgumentError(
      `${owner}: no option is called ${name}; ${meant === undefined ? `there are ${all.join(', ')}` : `it is ${meant}`}`,
    );
  }
  return options;
}
