/** All programs. */
import { adversarial } from './cases/adversarial.js';
import { estimation } from './cases/estimation.js';
import { generative } from './cases/generative.js';
import { inPlace } from './cases/in-place.js';
import { indexing } from './cases/indexing.js';
import { lifetimes } from './cases/lifetimes.js';
import { numbers } from './cases/numbers.js';
import { optimisation } from './cases/optimisation.js';
import { recurrence } from './cases/recurrence.js';
import { reinforcement } from './cases/reinforcement.js';
import { scale } from './cases/scale.js';
import { secondOrder } from './cases/second-order.js';
import { sequences } from './cases/sequences.js';
import { tape } from './cases/tape.js';
import { weights } from './cases/weights.js';
import type { Program } from './program.js';

export const programs: readonly Program[] = [
  ...recurrence,
  ...adversarial,
  ...reinforcement,
  ...inPlace,
  ...weights,
  ...optimisation,
  ...secondOrder,
  ...indexing,
  ...tape,
  ...lifetimes,
  ...scale,
  ...numbers,
  ...generative,
  ...sequences,
  ...estimation,
];

export function programNamed(name: string | undefined): Program {
  const found = programs.find((p) => p.name === name);
  if (found === undefined) throw new RangeError(`no program is called ${name}`);
  return found;
}
