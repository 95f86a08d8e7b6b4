/** What was gone over is let go of: counted on the tape itself, and as memory over many steps in a process of its own. */
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'vite';
import { expect, test } from 'vitest';
import { autograd, type Tensor, tensor } from '../../src/index.js';

class Cube extends autograd.Function {
  static forward(ctx: autograd.Context, x: Tensor): Tensor {
    ctx.saveForBackward(x);
    return x.mul(x).mul(x);
  }
  static backward(ctx: autograd.Context, grad: Tensor): Tensor {
    const [x] = ctx.savedTensors;
    return grad.mul(x).mul(x).mul(3);
  }
}

test('nodes are kept for the tape until backward has gone over them', () => {
  const x = tensor([1, 2], { requiresGrad: true });
  const hidden = x.mul(2);
  const y = Cube.apply(hidden).mul(hidden).sum();
  expect(hidden.value.node.saved).toBeGreaterThanOrEqual(2);
  y.backward(null, { retainGraph: true });
  expect(hidden.value.node.saved).toBeGreaterThanOrEqual(2);
  y.backward();
  expect(hidden.value.node.saved).toBe(0);
});

const run = promisify(execFile);
const entry = fileURLToPath(new URL('./memory-child.ts', import.meta.url));
/** Beside the installed packages, so that koffi is found from there; git ignores it. */
const cache = fileURLToPath(new URL('../../../../node_modules/.cache/hadal/', import.meta.url));

test('2,000 steps with hooks, retained gradients, second derivatives and custom functions do not grow', {
  timeout: 120_000,
}, async () => {
  const result = await build({
    configFile: false,
    logLevel: 'silent',
    build: { write: false, ssr: entry, target: 'node20', rolldownOptions: { external: ['koffi'] } },
  });
  const [output] = Array.isArray(result) ? result : [result];
  if (!('output' in output)) throw new Error('nothing was built');
  mkdirSync(cache, { recursive: true });
  const program = `${cache}autograd-memory-child.mjs`;
  writeFileSync(program, output.output.map((o) => (o.type === 'chunk' ? o.code : '')).join('\n'));
  const { stdout } = await run(process.execPath, ['--expose-gc', program, '2000']);
  const { first, last } = JSON.parse(stdout) as { first: number; last: number };
  // One array of 4 KB that stayed a step would be 5.4 MB.
  expect(last - first).toBeLessThan(4e6);
});
