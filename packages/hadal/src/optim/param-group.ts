/** Groups of parameters that share their settings. */
import type { Json } from '../io/json.js';
import type { Tensor } from '../tensor/index.js';

/** What every optimizer's settings have. */
export interface Settings {
  /** Learning rate. */
  lr: number;
}

/** Parameters with their settings. Settings may be changed between steps. */
export type ParamGroup<S extends Settings = Settings> = S & {
  readonly params: readonly Tensor[];
  /** The learning rate that a schedule started from. */
  initialLr?: number;
};

/** A group as it is given: settings that it lacks are those of the optimizer. */
export type GroupOptions<S extends Settings = Settings> = Partial<S> & {
  readonly params: Iterable<Tensor>;
};

/** Parameters of one group, or groups. */
export type OptimizedParameters<S extends Settings = Settings> = Iterable<Tensor> | Iterable<GroupOptions<S>>;

/** The state of an optimizer: tensors are keyed by the number of their parameter and their name, as in '3.square'. */
export interface OptimizerState {
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** The type, the settings and parameters of each group, and the steps of each parameter. */
  readonly settings: Json;
}
