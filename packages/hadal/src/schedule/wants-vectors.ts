/** Which ops are not worth having in kernels that take one element after the other. */
import type { TemplateNode } from '../graph/template.js';

/** Ops of many instructions: in vectors a pass of their own costs less than one element at a time. */
const manyInstructions = new Set(
  'exp exp2 expm1 log log2 log10 log1p tanh sigmoid erf erfc gelu geluSlope sin cos tan pow'.split(' '),
);

export function wantsVectors(n: TemplateNode): boolean {
  return manyInstructions.has(n.op.name) || n.op.kind === 'random';
}
