/**
 * Random programs. A program is built from a list of choices, each five numbers that are read modulo what is possible at that point:
 * every list gives a valid program, so fast-check can drop and shrink choices freely.
 */
import fc from 'fast-check';
import type { Program } from './program.js';
import { arithmeticRules } from './random/arithmetic.js';
import { arrangingRules } from './random/arranging.js';
import { Builder, type Choice, pick, type StepRule } from './random/builder.js';
import { inPlaceRules } from './random/in-place.js';
import { layerRules } from './random/layers.js';
import { lookupRules } from './random/lookups.js';
import { reductionRules } from './random/reductions.js';
import { tapeRules } from './random/tape.js';
import { viewRules } from './random/views.js';

const weighted = [
  arithmeticRules,
  reductionRules,
  viewRules,
  arrangingRules,
  layerRules,
  lookupRules,
  inPlaceRules,
  tapeRules,
].flatMap((rules) => rules.flatMap(({ weight, rule }) => new Array<StepRule>(weight).fill(rule)));

export interface ProgramChoices {
  readonly inputs: readonly Choice[];
  readonly steps: readonly Choice[];
  readonly outputs: readonly [number, number];
}

export function buildProgram({ inputs, steps, outputs }: ProgramChoices): Program {
  const builder = new Builder(inputs);
  builder.addInputs();
  for (const [what, a, b, c, d] of steps) pick(weighted, what)(builder, a, b, c, d);
  return builder.finish(outputs);
}

const choice = fc.tuple(fc.nat(999), fc.nat(99), fc.nat(99), fc.nat(99), fc.nat(99));

/** Programs of up to `maxSteps` steps. */
export function programs(maxSteps: number): fc.Arbitrary<Program> {
  return fc
    .record({
      inputs: fc.array(choice, { minLength: 1, maxLength: 4 }),
      steps: fc.array(choice, { minLength: 1, maxLength: maxSteps, size: 'max' }),
      outputs: fc.tuple(fc.nat(9999), fc.nat(99)),
    })
    .map(buildProgram);
}
