/** Architectures as plain data. */
import type { Json } from '../../io/json.js';
import type { AnyModule } from '../module.js';

/** A constructor's arguments: JSON, and modules where the constructor takes modules. */
export type ConfigValue =
  | null
  | boolean
  | number
  | string
  | AnyModule
  | readonly ConfigValue[]
  | { readonly [name: string]: ConfigValue };

export interface Config {
  readonly [name: string]: ConfigValue;
}

/** A module as data: the name of its class and its constructor's arguments, in which modules are again of this form. */
export interface ModuleConfig {
  readonly type: string;
  readonly config: { readonly [name: string]: Json };
}
