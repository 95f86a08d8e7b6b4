/** Parameters with PyTorch's initial values. They are drawn when they are first needed. */
import type { Shape } from '../../base/shape.js';
import { rand } from '../../random/index.js';
import { Parameter } from '../parameter.js';

/** Uniform in [-bound, bound). */
export function uniformParameter(shape: Shape, bound: number): Parameter {
  return new Parameter(
    rand(shape)
      .mul(2 * bound)
      .sub(bound),
  );
}
