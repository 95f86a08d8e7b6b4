/** L2 as text: the loops, then each expression that is computed in them. */
import { numel } from '../base/shape.js';
import { indexKey } from './index-expr.js';
import type {
  AttentionGradKernel,
  AttentionKernel,
  Expr,
  Kernel,
  PartBuffer,
  RegionKernel,
  RegionPart,
} from './l2.js';
import { variableSizes } from './l2.js';

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

function loopsOver(dims: readonly number[]): string {
  return dims.map((size, i) => `v${i} < ${size}`).join(', ') || 'one element';
}

function printAttention(kernel: AttentionKernel | AttentionGradKernel): string[] {
  const { batch, queries, keys, features, valueFeatures, q, k, v, mask, dropout } = kernel;
  const outer = batch.map((s, i) => `v${i} < ${s}, `).join('');
  const n = batch.length;
  const masked = mask === null ? '' : kernel.exprs[mask].dtype === 'bool' ? ` where e${mask}` : ` + e${mask}`;
  const causal = kernel.isCausal ? ' where key <= query' : '';
  const drop =
    dropout === null ? '' : `, e${dropout.keep} times it or 0 where e${dropout.random} < e${dropout.p}`;
  const lines = [
    `kernel ${kernel.name}: ${kernel.kind} ${outer}query = v${n} < ${queries}, key = v${n + 1} < ${keys}, ` +
      `feature = v${n + 2} < ${features}, value feature = v${n + 3} < ${valueFeatures}`,
    `  weights = softmax over key of (${kernel.scale} * sum over feature of e${q} * e${k}${masked}${causal})${drop}`,
    `  output = sum over key of weights * e${v}`,
  ];
  if (kernel.kind === 'attentionGrad')
    lines.push(
      `  given the gradient of the output e${kernel.grad}, log sums e${kernel.logSum}, sums of gradient times output e${kernel.delta}`,
    );
  return lines;
}

/** What a kernel is, before its expressions. */
function head(kernel: Exclude<Kernel, RegionKernel>): string[] {
  const start = `kernel ${kernel.name}:`;
  switch (kernel.kind) {
    case 'loops': {
      const dims = kernel.dims.map((d, i) => `v${i}${d.reduced ? ' (reduced)' : ''} < ${d.size}`).join(', ');
      return [`${start} for ${dims || 'one element'}`];
    }
    case 'gemm': {
      const batch = kernel.batch.map((s, i) => `v${i} < ${s}, `).join('');
      const v = kernel.batch.length;
      return [
        `${start} gemm ${batch}m = v${v} < ${kernel.m}, n = v${v + 1} < ${kernel.n}, k = v${v + 2} < ${kernel.k}` +
          (kernel.outer > 1 ? `, outer = v${v + 3} < ${kernel.outer}` : ''),
        `  dot = sum over k of e${kernel.a} * e${kernel.b}`,
      ];
    }
    case 'stencil': {
      const { pass, samples, channels, taps, strides, low, x, y, weights } = kernel;
      const [rows, columns] = pass === 'spread' ? kernel.image : kernel.positions;
      const sum =
        y >= 0
          ? `samples and positions of e${x} * e${y}`
          : `taps of e${x} * ${weights.map((w) => `e${w}`).join(' ')}`;
      return [
        `${start} stencil v0 < ${samples}, v1 < ${channels}, ${rows} x ${columns}, taps ${taps.join(' x ')} by ${strides.join(' x ')} from -${low.join(', -')}`,
        `  dot = sum over ${sum}`,
      ];
    }
    case 'winograd': {
      const { samples, features, rows, columns, channels, height, width, low, image, weights } = kernel;
      const how = kernel.isTurned ? ', channels first and walked backwards' : '';
      return [
        `${start} winograd sample = v0 < ${samples}, feature = v1 < ${features}, position = v2 < ${rows} * ${columns}`,
        `  dot = b${image}[${samples}, ${channels}, ${height}, ${width}], ${low.join(' and ')} zeros ahead, by 3x3 kernels b${weights}${how}`,
      ];
    }
    case 'winogradGrad': {
      const { groups, samples, features, rows, columns, channels, height, width, low, image, gradient } =
        kernel;
      return [
        `${start} winogradGrad group = v0 < ${groups}, feature = v1 < ${features}, position = v2 < ${channels} * 9`,
        `  dot = gradient of kernels from b${image}[${samples}, ${channels}, ${height}, ${width}], ${low.join(' and ')} zeros ahead, and b${gradient}[${samples}, ${features}, ${rows}, ${columns}]`,
      ];
    }
    case 'scan':
      return [
        `${start} scan for ${loopsOver(kernel.dims)}`,
        `  stage 0 = ${kernel.op} of ${kernel.values.map((v) => `e${v}`).join(', ')} up to v${kernel.line}`,
      ];
    case 'sort': {
      const source = kernel.dims.length;
      const way = `${kernel.descending ? 'descending' : 'ascending'}, by ${kernel.method}`;
      return [
        `${start} sort for ${loopsOver(kernel.dims)}`,
        `  stage 0 = v${source} < ${kernel.length} of the v${kernel.line}-th of e${kernel.key} (${way})`,
      ];
    }
    case 'scatter': {
      const at = kernel.dims.length;
      return [
        `${start} scatter for ${loopsOver(kernel.dims)}`,
        `  first v${at + 1} < ${kernel.elements}, then ${kernel.mode} at v${at} = e${kernel.position} < ${kernel.size}`,
      ];
    }
    case 'attention':
    case 'attentionGrad':
      return printAttention(kernel);
    case 'host': {
      const inputs = kernel.inputs.map((i) => `${i.dtype}[${i.shape.join(', ')}]`).join(', ');
      const results = kernel.results.map((r) => `${r.dtype}[${r.shape.join(', ')}]`).join(', ');
      return [`host ${kernel.name}(${inputs}) -> ${results}`];
    }
  }
}

function printRegion(kernel: RegionKernel): string {
  const place = (b: PartBuffer): string => {
    const name = b.slot < kernel.buffers.length ? `b${b.slot}` : `l${b.slot - kernel.buffers.length}`;
    if (b.kind === 'fixed') return name;
    return b.kind === 'slice' ? `${name}[step]` : `${name}${b.next ? ' next' : ''}`;
  };
  const part = (p: RegionPart): string =>
    `${printKernel(p.kernel)}\n  on ${p.buffers.map(place).join(', ') || 'nothing'}`.replace(/^/gm, '  ');
  const order = kernel.reverse ? `${kernel.length - 1} down to 0` : `0 to ${kernel.length - 1}`;
  return [
    ...kernel.before.map(part),
    `kernel ${kernel.name}: for step ${order}`,
    ...kernel.steps.map((p) => part(p).replace(/^/gm, '  ')),
    ...(kernel.after.length > 0 ? ['after the last step', ...kernel.after.map(part)] : []),
  ].join('\n');
}

export function printKernel(kernel: Kernel): string {
  if (kernel.kind === 'region') return printRegion(kernel);
  const out = head(kernel);
  kernel.exprs.forEach((e, i) => {
    out.push(`  e${i}: ${e.dtype} = ${printExpr(e)}`);
  });
  if (kernel.kind === 'loops') {
    kernel.stages.forEach((s, i) => {
      out.push(`  stage ${i}: ${s.dtype} = ${s.op} of e${s.value}`);
    });
  }
  kernel.stores.forEach((s, i) => {
    const isAttention = kernel.kind === 'attention' || kernel.kind === 'attentionGrad';
    const what = isAttention
      ? ` (${kernel.kind === 'attentionGrad' ? 'gradient of ' : ''}${kernel.results[i]})`
      : '';
    const once =
      s.level === 'full'
        ? s.isStreamed
          ? ' (streamed)'
          : ''
        : s.level === 'outer'
          ? ' (once a row)'
          : ' (added up)';
    out.push(`  b${s.buffer}[${indexKey(s.index)}] := e${s.value}${what}${once}`);
  });
  return out.join('\n');
}

/** The largest of some kernels of one structure, and that there are others. */
export function showSizes(kernels: readonly Kernel[]): string {
  const sizes = new Map(kernels.map((k) => [showSize(k), numel(variableSizes(k))]));
  const [[largest]] = [...sizes].sort((a, b) => b[1] - a[1]);
  return sizes.size === 1 ? largest : `${largest} and ${sizes.size - 1} more`;
}

/** '128 x 784 over 10' for loops over 128 by 784 by 10 points of which the last are reduced; 'm x n x k' of a product. */
function showSize(kernel: Kernel): string {
  switch (kernel.kind) {
    case 'gemm': {
      const { batch, m, n, k, outer } = kernel;
      const batches = batch.filter((s) => s > 1);
      const depth = outer > 1 ? `${outer}*${k}` : `${k}`;
      return `${batches.map((s) => `${s} of `).join('')}${m} x ${n} x ${depth}`;
    }
    case 'stencil': {
      const { samples, channels, positions, taps } = kernel;
      return `${samples} x ${channels} of ${positions.join(' x ')} by ${taps.join(' x ')}`;
    }
    case 'winograd': {
      const { samples, features, rows, columns, channels } = kernel;
      return `${samples > 1 ? `${samples} of ` : ''}${features} x ${rows * columns} x ${channels}*9`;
    }
    case 'winogradGrad': {
      const { samples, features, rows, columns, channels } = kernel;
      return `${features} x ${channels}*9 x ${samples > 1 ? `${samples}*` : ''}${rows * columns}`;
    }
    case 'loops': {
      const outer = kernel.dims.filter((d) => !d.reduced).map((d) => d.size);
      const reduced = kernel.dims.filter((d) => d.reduced).map((d) => d.size);
      const parts = [
        ...(outer.length > 0 || reduced.length === 0 ? [outer.join(' x ') || '1'] : []),
        ...(reduced.length > 0 ? [`over ${reduced.join(' x ')}`] : []),
      ];
      return parts.join(' ');
    }
    case 'scan':
    case 'sort': {
      const length = kernel.kind === 'sort' ? kernel.length : kernel.dims[kernel.line];
      const lines = kernel.dims.filter((_, v) => v !== kernel.line);
      return `${lines.map((s) => `${s} x `).join('')}${length}`;
    }
    case 'scatter':
      return `${kernel.dims.join(' x ') || '1'} into ${kernel.elements}`;
    case 'region':
      return `${kernel.length} steps`;
    case 'attention':
    case 'attentionGrad': {
      const { batch, queries, keys, features, valueFeatures } = kernel;
      const batches = batch.filter((s) => s > 1).map((s) => `${s} of `);
      return `${batches.join('')}${queries} x ${keys} x ${features} and ${valueFeatures}`;
    }
    case 'host':
      return kernel.inputs.map((i) => `[${i.shape.join(', ')}]`).join(' ');
  }
}
