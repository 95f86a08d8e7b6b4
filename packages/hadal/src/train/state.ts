/** The state of a part of training (a metric, a callback), in the two forms that a checkpoint stores: tensors and JSON. */
import type { Json } from '../io/json.js';
import type { Tensor } from '../tensor/index.js';

export interface PartState {
  /** By name. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly values: Json;
}

/** Adds a part's tensors under `prefix/`, and gives its values. */
export function gather(prefix: string, part: PartState, into: Map<string, Tensor>): Json {
  for (const [name, tensor] of part.tensors) into.set(`${prefix}/${name}`, tensor);
  return part.values;
}

/** What `gather` put in. */
export function scatter(
  prefix: string,
  tensors: ReadonlyMap<string, Tensor>,
  values: Json | undefined,
): PartState {
  const start = `${prefix}/`;
  const own = [...tensors].filter(([name]) => name.startsWith(start));
  return {
    tensors: new Map(own.map(([name, tensor]) => [name.slice(start.length), tensor])),
    values: values ?? null,
  };
}

/** A field of a JSON object, undefined if there is no such field or no object. */
export function field(json: Json | undefined, name: string): Json | undefined {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return undefined;
  return (json as { readonly [key: string]: Json | undefined })[name];
}
