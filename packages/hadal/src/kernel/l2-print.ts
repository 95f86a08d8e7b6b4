/** L2 as text: the loops, then each expression that is computed in them. */
import { indexKey } from './index-expr.js';
import type { Expr, Kernel } from './l2.js';

function printExpr(e: Expr): string {
  switch (e.op) {
    case 'load':
      return `b${e.buffer}[${indexKey(e.index)}]`;
    case 'const':
      return `${e.value}`;
    case 'argument':
      return `argument ${e.slot}`;
    case 'index':
      return `index ${indexKey(e.index)}`;
    case 'call':
      return `${e.name}(${e.args.map((a) => `e${a}`).join(', ')})`;
    case 'guard':
      return `e${e.value} where ${e.guards.map((g) => `${indexKey(g.index)} in ${g.low}..${g.high - 1}`).join(' and ')} else 0`;
    case 'checked':
      return `e${e.value}, and ${indexKey(e.index)} is in range`;
    case 'random':
      return `random(${e.args.map((a) => `e${a}`).join(', ')}) at ${indexKey(e.index)}`;
    case 'stage':
      return `stage ${e.stage}`;
    case 'dot':
      return 'dot';
  }
}

export function printKernel(kernel: Kernel): string {
  const out: string[] = [];
  if (kernel.kind === 'loops') {
    const dims = kernel.dims.map((d, i) => `v${i}${d.reduced ? ' (reduced)' : ''} < ${d.size}`).join(', ');
    out.push(`kernel ${kernel.name}: for ${dims || 'one element'}`);
  } else if (kernel.kind === 'host') {
    const inputs = kernel.inputs.map((i) => `${i.dtype}[${i.shape.join(', ')}]`).join(', ');
    const results = kernel.results.map((r) => `${r.dtype}[${r.shape.join(', ')}]`).join(', ');
    out.push(`host ${kernel.name}(${inputs}) -> ${results}`);
  } else {
    const batch = kernel.batch.map((s, i) => `v${i} < ${s}, `).join('');
    const v = kernel.batch.length;
    out.push(
      `kernel ${kernel.name}: gemm ${batch}m = v${v} < ${kernel.m}, n = v${v + 1} < ${kernel.n}, k = v${v + 2} < ${kernel.k}` +
        (kernel.outer > 1 ? `, outer = v${v + 3} < ${kernel.outer}` : ''),
    );
    out.push(`  dot = sum over k of e${kernel.a} * e${kernel.b}`);
  }
  kernel.exprs.forEach((e, i) => {
    out.push(`  e${i}: ${e.dtype} = ${printExpr(e)}`);
  });
  if (kernel.kind === 'loops') {
    kernel.stages.forEach((s, i) => {
      out.push(`  stage ${i}: ${s.dtype} = ${s.op} of e${s.value}`);
    });
  }
  for (const s of kernel.stores)
    out.push(
      `  b${s.buffer}[${indexKey(s.index)}] := e${s.value}${s.level === 'outer' ? ' (once a row)' : ''}`,
    );
  return out.join('\n');
}
