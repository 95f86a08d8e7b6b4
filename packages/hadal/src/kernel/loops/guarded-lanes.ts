/** In which lanes a guard holds whose index goes along them one by one. */
import type { Value } from '../l3.js';
import type { L3Builder } from '../l3-builder.js';

/** Where elements are `by` apart; `below` added to the index is a multiple of it where the guard holds, and never less than zero. */
export interface LaneSteps {
  readonly by: Value;
  readonly below: Value;
}

/** @param at the index in the first lane. */
export function guardedLanes(
  b: L3Builder,
  at: Value,
  [low, high]: readonly [Value, Value],
  steps: LaneSteps | null,
): Value {
  const inLanes = (v: Value): Value => b.spread(b.convert('i32', v), b.lanes);
  const lanes = b.ramp(at);
  const inside = b.binary('and', b.compare('le', inLanes(low), lanes), b.compare('lt', lanes, inLanes(high)));
  return steps === null ? inside : b.binary('and', inside, onSteps(b, at, steps));
}

/**
 * Which lanes are on a step. Past the last step before the first lane they are less than a step and the lanes: float32 tells how many whole
 * steps that would be to far less than a half, so rounding finds the only number that it can be.
 */
function onSteps(b: L3Builder, at: Value, { by, below }: LaneSteps): Value {
  const past = b.ramp(b.binary('rem', b.add(at, below), by));
  const perStep = b.spread(b.div(b.constant('f32', 1), b.convert('f32', by)), b.lanes);
  const whole = b.convert('i32', b.unary('round', b.mul(b.convert('f32', past), perStep)));
  return b.compare('eq', b.mul(whole, b.spread(b.convert('i32', by), b.lanes)), past);
}
