/** Who drops a compiled function drops what it recorded, and with it the tensors that it used. */
import { setTimeout } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { compile, ones, type Tensor } from '../../src/index.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function use(held: Set<WeakRef<object>>): void {
  const weight = ones([1000]);
  const f = compile((x: Tensor) => x.mul(weight).sum());
  let last: Tensor | null = null;
  for (let i = 0; i < 3; i++) last = f(ones([1000]));
  expect(last?.itemSync()).toBe(1000);
  held.add(new WeakRef(weight.storage)).add(new WeakRef(f));
}

function callWith(f: (x: Tensor) => Tensor, held: Set<WeakRef<object>>): void {
  for (let i = 0; i < 2; i++) {
    const x = ones([1000]).requiresGrad_();
    const y = f(x);
    y.backward();
    held.add(new WeakRef(x.storage)).add(new WeakRef(y.storage));
  }
}

async function allCollected(held: Set<WeakRef<object>>): Promise<boolean> {
  for (let i = 0; i < 20; i++) {
    await setTimeout(5);
    collect();
    if ([...held].every((ref) => ref.deref() === undefined)) return true;
  }
  return false;
}

test('a dropped function frees what it used', async () => {
  const held = new Set<WeakRef<object>>();
  use(held);
  expect(await allCollected(held)).toBe(true);
});

test('a function that is kept holds on to neither arguments nor results', async () => {
  const held = new Set<WeakRef<object>>();
  const f = compile((x: Tensor) => x.mul(x).sum());
  callWith(f, held);
  expect(await allCollected(held)).toBe(true);
  expect(f(ones([1000])).itemSync()).toBe(1000);
});
