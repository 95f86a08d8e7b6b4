/** A short program as research code is written, once here and once in PyTorch (`peers/programs`), to be compared. */
import type { Session } from './session.js';

export type Size = 'quick' | 'full';

/** What a program does again and again. It reads what it would print, such as a loss; the time until it returns is what counts. */
export type Step = (index: number) => void | Promise<void>;

export interface Running {
  readonly step: Step;
  /** After the last step: notes weights and the like. Not timed. */
  readonly finish?: () => void;
}

export interface Program {
  /** Also the name of the function in Python, with `_` for `-`. */
  readonly name: string;
  /** What it stands for, in a line. */
  readonly about: string;
  /** How often its step is run. */
  readonly steps: { readonly [S in Size]: number };
  /** Whether it is run with `compile` too. */
  readonly compiles?: boolean;
  /** Numbers may differ from PyTorch's by this much of the largest of their kind; 1e-4 if not given. */
  readonly tolerance?: number;
  start(session: Session): Running;
}
