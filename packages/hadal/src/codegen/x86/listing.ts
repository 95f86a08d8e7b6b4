/** Vector instructions as text, in GNU assembler's Intel syntax. */
import type { Form } from './instructions.js';
import type { Operand } from './operands.js';
import { showOperand } from './operands.js';

export const pointer = { 8: 'byte ptr', 16: 'word ptr', 32: 'dword ptr', 64: 'qword ptr' } as const;

export function showVector(
  form: Form,
  operands: readonly Operand[],
  mask: number,
  zeroing: boolean,
  evex: boolean,
  width: number,
): string {
  const text = operands.map((x, i) => {
    const kind = form.kinds[i];
    const shown = showOperand(
      x,
      kind === 'R' || kind === 'Rm' ? 64 : 32,
      width / (form.element === 8 ? 64 : 32),
    );
    const sized =
      kind === 'rm' && typeof x !== 'number' && x.kind === 'mem'
        ? `dword ptr ${shown}`
        : kind === 'Rm' && typeof x !== 'number' && x.kind === 'mem'
          ? `qword ptr ${shown}`
          : shown;
    return i === 0 && mask !== 0 ? `${sized}{k${mask}}${zeroing ? '{z}' : ''}` : sized;
  });
  return `${evex ? form.evexName : form.name} ${text.join(', ')}`;
}
