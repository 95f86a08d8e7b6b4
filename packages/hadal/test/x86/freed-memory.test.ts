/** What the collector frees above malloc's largest mmap threshold keeps its pages, until they are asked back. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { openNative } from '../../src/runtime/native/index.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const opened = openNative();
const reason = opened.ok ? '' : ` (${opened.reason})`;

const BYTES = 48 << 20;
const PAGES = BYTES / 4096;

async function collected(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe.skipIf(!opened.ok)(`freed memory${reason}`, () => {
  function faultsOfFilling(): number {
    if (!opened.ok) throw new Error(opened.reason);
    const memory = opened.device.allocate(BYTES);
    const before = process.resourceUsage().minorPageFault;
    opened.device.clear(memory);
    return process.resourceUsage().minorPageFault - before;
  }

  it('needs no fresh pages again, and is given back when more is wanted than is left', async () => {
    if (!opened.ok) throw new Error(opened.reason);
    faultsOfFilling();
    await collected();
    expect(faultsOfFilling()).toBeLessThan(PAGES / 4);
    await collected();
    const before = process.memoryUsage.rss();
    opened.device.availableBytes(Number.POSITIVE_INFINITY);
    expect(process.memoryUsage.rss()).toBeLessThan(before - BYTES / 2);
  });
});
