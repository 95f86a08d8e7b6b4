/** All programs. */
import { adversarial } from './cases/adversarial.js';
import { inPlace } from './cases/in-place.js';
import { indexing } from './cases/indexing.js';
import { optimisation } from './cases/optimisation.js';
import { recurrence } from './cases/recurrence.js';
import { reinforcement } from './cases/reinforcement.js';
import { secondOrder } from './cases/second-order.js';
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
];

export function programNamed(name: string | undefined): Program {
  const found = programs.find((p) => p.name === name);
  if (found === undefined) throw new RangeError(`no program is called ${name}`);
  return found;
}
