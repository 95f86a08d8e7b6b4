/** What training asks of a model. Every `nn.Module` has it, whatever its inputs and outputs are. */
import { ArgumentError } from '../base/errors.js';
import type { Tensor } from '../tensor/index.js';

export interface Model<Output = Tensor> {
  forward(...inputs: never[]): Output;
  train(mode?: boolean): unknown;
  eval(): unknown;
  modules(): Iterable<{ training: boolean }>;
  parameters(): Iterable<Tensor>;
  stateDict(): ReadonlyMap<string, Tensor>;
  loadStateDict(state: ReadonlyMap<string, Tensor>): unknown;
}

/** @throws ArgumentError for what is no model, such as a function. */
export function checkModel(owner: string, model: unknown): void {
  const has = (name: string): boolean =>
    typeof model === 'object' && model !== null && typeof Reflect.get(model, name) === 'function';
  if (['forward', 'train', 'modules', 'parameters', 'stateDict'].every(has)) return;
  throw new ArgumentError(
    `${owner}: the model is a module, such as new nn.Sequential(...), got ${typeof model === 'object' ? 'another object' : typeof model}`,
  );
}

/** Calls a model with inputs whose number and types it must know itself. */
export function call<Output>(model: Model<Output>, inputs: readonly Tensor[]): Output {
  return model.forward(...(inputs as never[]));
}

/** Puts back the mode of every module, each its own. */
export function keepModes(model: Model<unknown>): () => void {
  const modes = [...model.modules()].map((module) => [module, module.training] as const);
  return () => {
    for (const [module, training] of modes) module.training = training;
  };
}
