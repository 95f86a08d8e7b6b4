/** A module called with other tensors in the places of its parameters, for what differentiates through its own updates. */
import { ArgumentError } from '../base/errors.js';
import { Tensor } from '../tensor/index.js';
import type { AnyModule, Module } from './module.js';
import { Buffer, Parameter } from './parameter.js';

/** Tensors by the names of `namedParameters` and `namedBuffers`. */
export type NamedState = Iterable<readonly [string, Tensor]> | { readonly [name: string]: Tensor };

type Storage = Tensor['storage'];

/** What has a tensor under each name; a tied one has several. */
function storagesOf(module: AnyModule): Map<string, Storage> {
  const found = new Map<string, Storage>();
  for (const list of [module.namedParameters(), module.namedBuffers(), module.stateDict()])
    for (const [name, t] of list) found.set(name, t.storage);
  return found;
}

function replacements(module: AnyModule, state: NamedState): Map<Storage, Tensor> {
  if (typeof state !== 'object' || state === null)
    throw new ArgumentError(
      `functionalCall: the state is a map or an object from names to tensors, got ${state}`,
    );
  const places = storagesOf(module);
  const chosen = new Map<Storage, Tensor>();
  for (const [name, t] of Symbol.iterator in state ? state : Object.entries(state)) {
    const place = places.get(name);
    if (place === undefined)
      throw new ArgumentError(
        `functionalCall: ${module.constructor.name} has no parameter or buffer ${JSON.stringify(name)}; ` +
          `there are ${[...places.keys()].join(', ')}`,
      );
    if (!(t instanceof Tensor))
      throw new ArgumentError(`functionalCall: what is given for ${name} is a tensor, got ${typeof t}`);
    const other = chosen.get(place);
    if (other !== undefined && other !== t)
      throw new ArgumentError(
        `functionalCall: ${name} is tied to a parameter that was given another tensor; give one of the two`,
      );
    chosen.set(place, t);
  }
  return chosen;
}

/** Puts replacements into the fields of an object and its arrays, and says how each is taken back. */
function replaceIn(owner: object, chosen: ReadonlyMap<Storage, Tensor>, undo: (() => void)[]): void {
  for (const [key, value] of Object.entries(owner)) {
    if (Array.isArray(value)) replaceIn(value, chosen, undo);
    if (!(value instanceof Parameter || value instanceof Buffer)) continue;
    const replacement = chosen.get(value.storage);
    if (replacement === undefined) continue;
    undo.push(() => Reflect.set(owner, key, value));
    Reflect.set(owner, key, replacement);
  }
}

/**
 * What a module's `forward` gives with other tensors in the places of some of its parameters and buffers, as
 * `torch.func.functional_call`: the module itself is as before afterwards. Gradients flow to the tensors, and through them to what they
 * were computed from. A tied parameter is replaced in all of its places. Buffers that `forward` updates are updated where they were given.
 *
 * @param state tensors by the names of `namedParameters` and `namedBuffers`; parameters that are not named stay
 * @throws ArgumentError for a name that the module does not have, and for two tensors for one tied parameter.
 * @example
 * ```ts
 * import { autograd, nn, ones } from 'hadal';
 * const net = new nn.Linear(2, 1);
 * const loss = net.forward(ones([3, 2])).square().mean();
 * const [gradient] = autograd.grad(loss, [net.weight], { createGraph: true });
 * const fast = net.weight.sub(gradient.mul(0.1));
 * const after = nn.functionalCall(net, { weight: fast }, ones([3, 2])).square().mean();
 * after.backward(); // through the step
 * console.log(net.weight.grad?.shape); // [ 1, 2 ]
 * ```
 */
export function functionalCall<Inputs extends readonly unknown[], Output>(
  module: Module<Inputs, Output>,
  state: NamedState,
  ...inputs: Inputs
): Output {
  const chosen = replacements(module as unknown as AnyModule, state);
  const undo: (() => void)[] = [];
  try {
    for (const part of [...module.modules()]) replaceIn(part, chosen, undo);
    return module.forward(...inputs);
  } finally {
    for (const back of undo) back();
  }
}
