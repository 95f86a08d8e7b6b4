import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ALIGNMENT, Heap, type Slot } from '../../src/runtime/wasm/heap.js';

/** The slots cover the whole range without gaps or overlap, and no two free ones touch. */
function expectSound(heap: Heap, end: number): void {
  let at = ALIGNMENT;
  let before: Slot | null = null;
  for (const slot of heap.slots()) {
    expect(slot.offset).toBe(at);
    expect(slot.offset % ALIGNMENT).toBe(0);
    expect(slot.bytes).toBeGreaterThan(0);
    if (before) expect(before.free && slot.free).toBe(false);
    before = slot;
    at += slot.bytes;
  }
  expect(at).toBe(end);
}

describe('heap', () => {
  it('keeps slots apart, aligned and large enough, and coalesces back to one', () => {
    const action = fc.oneof(
      fc.record({ bytes: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 100_000 })) }),
      fc.record({ free: fc.nat() }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 120, size: 'max' }), fc.boolean(), (actions, late) => {
        const heap = new Heap(ALIGNMENT);
        let end = 2 ** 18;
        heap.extend(end);
        const live: Slot[] = [];
        for (const step of actions) {
          if ('bytes' in step) {
            let slot = heap.allocate(step.bytes);
            if (!slot && late) {
              end += 2 ** 17;
              heap.extend(end);
              slot = heap.allocate(step.bytes);
              expect(slot).not.toBeNull();
            }
            if (!slot) {
              // Nothing free was large enough.
              for (const s of heap.slots()) if (s.free) expect(s.bytes).toBeLessThan(step.bytes);
              continue;
            }
            expect(slot.bytes).toBeGreaterThanOrEqual(step.bytes);
            expect(slot.bytes - step.bytes).toBeLessThanOrEqual(ALIGNMENT);
            live.push(slot);
          } else if (live.length > 0) {
            const [slot] = live.splice(step.free % live.length, 1);
            heap.free(slot);
          }
          expectSound(heap, end);
        }
        for (const slot of live) heap.free(slot);
        expect(heap.slots().map((s) => s.bytes)).toEqual([end - ALIGNMENT]);
        expect(heap.bytes).toBe(end - ALIGNMENT);
      }),
      { numRuns: 150 },
    );
  });

  it('refuses to free twice', () => {
    const heap = new Heap(64);
    heap.extend(65536);
    const slot = heap.allocate(100);
    if (!slot) throw new Error('no slot');
    heap.free(slot);
    expect(() => heap.free(slot)).toThrow(/twice/);
  });

  it('stays fast with many slots of many sizes', () => {
    const heap = new Heap(64);
    heap.extend(2 ** 31);
    const live: Slot[] = [];
    const started = performance.now();
    for (let i = 0; i < 200_000; i++) {
      const slot = heap.allocate(64 + ((i * 7919) % 16384));
      if (slot) live.push(slot);
      if (i % 3 === 0) heap.free(live.splice((i * 31) % live.length, 1)[0] ?? live[0]);
      if (live.length > 4000) for (const s of live.splice(0, 2000)) heap.free(s);
    }
    expect(performance.now() - started).toBeLessThan(2000);
  });
});
