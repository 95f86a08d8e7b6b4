/** Whole numbers near a number, and its sign: steps, whose gradient is zero. */
import { lowerCeil, lowerFloor, lowerRound, lowerSign, lowerTrunc } from '../../../kernel/math/index.js';
import type { ElementwiseOp } from '../../op.js';
import { unaryOp, zeroGradient } from './rules.js';

/** To the nearest whole number, halves to the even one. */
function roundHalfEven(x: number): number {
  const down = Math.floor(x);
  const over = x - down;
  const up = over > 0.5 || (over === 0.5 && down % 2 !== 0);
  const whole = up ? down + 1 : down;
  return whole === 0 && (x < 0 || Object.is(x, -0)) ? -0 : Number.isFinite(x) ? whole : x;
}

const itself = (x: bigint): bigint => x;

export const rounding = {
  floor: unaryOp('floor', { float: Math.floor, int: itself, lower: lowerFloor, gradient: zeroGradient }),
  ceil: unaryOp('ceil', { float: Math.ceil, int: itself, lower: lowerCeil, gradient: zeroGradient }),
  round: unaryOp('round', { float: roundHalfEven, int: itself, lower: lowerRound, gradient: zeroGradient }),
  /** Towards zero. */
  trunc: unaryOp('trunc', { float: Math.trunc, int: itself, lower: lowerTrunc, gradient: zeroGradient }),
  /** 1, 0 or -1; 0 of NaN, as in PyTorch. */
  sign: unaryOp('sign', {
    float: (x) => (x > 0 ? 1 : x < 0 ? -1 : 0),
    int: (x) => (x > 0n ? 1n : x < 0n ? -1n : 0n),
    lower: lowerSign,
    gradient: zeroGradient,
  }),
} as const satisfies Record<string, ElementwiseOp>;
