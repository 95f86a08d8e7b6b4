/**
 * Where the ops of the tape were made, remembered under `detectAnomaly` only: a stack trace an op costs ten times what building the op
 * costs.
 */
import { userLine } from '../graph/node.js';
import { ScopedSetting } from './scoped-setting.js';
import type { GradFn } from './tape.js';

export interface Creation {
  readonly trace: Error;
  /** The op whose gradient made this one, for ops that a recorded backward pass made. */
  readonly parent: GradFn | null;
}

export interface AnomalyMode {
  readonly enabled: boolean;
  readonly checkNaN: boolean;
}

export const anomalyMode = new ScopedSetting<AnomalyMode>({ enabled: false, checkNaN: false });

/** How many frames are kept: enough for the layers of a deep network. */
const FRAMES = 64;

let differentiating: GradFn | null = null;

/** Runs the gradient of `fn`; ops that it records are known as its own. */
export function whileDifferentiating<T>(fn: GradFn, body: () => T): T {
  const before = differentiating;
  differentiating = fn;
  try {
    return body();
  } finally {
    differentiating = before;
  }
}

/** The creation of an op that is made now, or null outside of anomaly mode. */
export function creationNow(): Creation | null {
  if (anomalyMode.unset || !anomalyMode.value.enabled) return null;
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = FRAMES;
  const trace = new Error('made here');
  Error.stackTraceLimit = limit;
  return { trace, parent: differentiating };
}

/**
 * The layers whose `forward` was running when a trace was taken, outermost first, read from the names of its frames
 * (`Net > Linear`); null if there were none.
 */
function modulePath(trace: Error): string | null {
  const names: string[] = [];
  for (const [, name] of (trace.stack ?? '').matchAll(/^\s+at (?:async )?(\w+)\.forward /gm))
    names.unshift(name);
  return names.length > 0 ? names.join(' > ') : null;
}

/** A sentence on where an op was made. */
export function describeCreation(fn: GradFn): string {
  const { creation } = fn;
  if (creation === null) {
    return (
      `${fn.name} was made outside of anomaly mode, so the line is not known: ` +
      'put the forward pass into autograd.detectAnomaly(() => ...) as well.'
    );
  }
  const path = modulePath(creation.trace);
  const line = userLine(creation.trace) ?? 'an unknown line';
  const made = `${fn.name} was made at ${line}${path === null ? '' : `, in ${path}`}.`;
  const { parent } = creation;
  return parent === null
    ? made
    : `${made} It is part of the gradient of ${parent.name}. ${describeCreation(parent)}`;
}
