/** Which ops are not worth having in kernels that take one element after the other. */
import type { TemplateNode } from '../graph/template.js';

/** Of long ops a pass in vectors costs less than one element at a time beside others. */
export function wantsVectors(n: TemplateNode): boolean {
  return n.op.kind === 'random' || (n.op.kind === 'elementwise' && n.op.isLong === true);
}
