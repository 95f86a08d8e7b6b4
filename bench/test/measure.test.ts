import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { ChildError, MismatchError } from '../src/errors.js';
import type { Prober } from '../src/limits.js';
import { measure } from '../src/measure.js';
import { ChildPeer } from '../src/peer/child.js';
import { FastestPeer } from '../src/peer/fastest.js';
import type { Peer } from '../src/peer/peer.js';
import type { Workload } from '../src/workload.js';

const program = fileURLToPath(new URL('./fake-peer.mjs', import.meta.url));
const prober: Prober = { compute: () => 1, copy: () => 1, quick: true };
const open: Peer[] = [];

async function fake(behaviour: string): Promise<ChildPeer> {
  const peer = await ChildPeer.start({
    name: 'fake',
    command: [process.execPath, program, behaviour],
    help: 'It is a test.',
  });
  open.push(peer);
  return peer;
}

afterEach(async () => {
  for (const peer of open.splice(0)) await peer.close();
});

/** Doubling, without an engine; `delay` makes the warm-up short. */
const doubling: Workload = {
  suite: 'test',
  case: 'doubling',
  repetitions: 1,
  work: { flops: 1e6, bytes: 0, footprint: 0 },
  peer: { case: { kind: 'adamw', size: 4 }, tolerance: { relative: 0, absolute: 1e-3 } },
  prepare(round) {
    const output = new Float32Array(4);
    return {
      run() {
        // Long enough that the warm-up is three rounds.
        const until = performance.now() + 180;
        while (performance.now() < until);
        for (let i = 0; i < 4; i++) output[i] = 2 * (round + i);
      },
      output: () => output,
      check() {},
    };
  },
};

const run = (peer: Peer | null) =>
  measure(doubling, { engine: 'wasm', threads: 2, rounds: 7, prober, peer, once: null });

describe('measure', () => {
  test('compares with a peer in every round', async () => {
    const result = await run(await fake('right'));
    expect(result).toMatchObject({
      suite: 'test',
      case: 'doubling',
      peer: 'fake',
      peerMs: 0.5,
      peerForm: 'plain',
    });
    expect(result.ms).toBeGreaterThanOrEqual(180);
    expect(result.ratio?.median).toBeCloseTo(0.5 / result.ms, 1);
    // A million operations at one GFLOP/s are a millisecond, half of it on two threads.
    expect(result.limitShare).toBeCloseTo(0.5 / result.ms, 4);
    expect(result.limitedBy).toBe('fma');
  });

  test('ends with a mismatch when one element of one round is wrong', async () => {
    const measuring = run(await fake('wrong'));
    await expect(measuring).rejects.toThrow(MismatchError);
    await expect(measuring).rejects.toThrow(/round 6, against fake: element 3 is 18, expected 18.01/);
  });

  test('ends with a mismatch when outputs are missing', async () =>
    expect(run(await fake('short'))).rejects.toThrow(/4 elements, expected 3/));

  test('goes on without a peer that cannot do the case, and says why', async () => {
    const result = await run(await fake('unable'));
    expect(result).toMatchObject({ peer: 'fake', peerMissing: 'it has no doubling' });
    expect(result.ratio).toBeUndefined();
  });

  test('measures a peer once that takes minutes, and says so', async () => {
    const result = await run(await fake('slow'));
    expect(result).toMatchObject({
      peer: 'fake',
      peerMs: 90_000,
      peerMissing: expect.stringMatching(/minute/),
    });
    expect(result.ratio).toBeUndefined();
  });

  test.each([
    ['dies', /ended at .*round.*see the lines above\. It is a test\./],
    ['throws', /failed at .*TypeError: x/],
  ])('a peer that %s is an error', async (behaviour, message) => {
    const measuring = run(await fake(behaviour));
    await expect(measuring).rejects.toThrow(ChildError);
    await expect(measuring).rejects.toThrow(message);
  });
});

describe('ChildPeer.start', () => {
  test('says what to do when the program ends at once', async () =>
    expect(fake('mute')).rejects.toThrow(/fake ended at the start: see the lines above\. It is a test\./));

  test('says what to do when there is no such program', async () => {
    const starting = ChildPeer.start({ name: 'none', command: ['/no/such/program'], help: 'Get it.' });
    await expect(starting).rejects.toThrow(/ENOENT.*Get it\./);
  });
});

describe('FastestPeer', () => {
  const peer = (name: string, ms: number | null): Peer => ({
    name,
    description: name,
    open: async () => (ms === null ? { can: false, why: 'no' } : { can: true, form: 'eager', ms }),
    round: async () => ({ ms: ms ?? 0, cpu: 1, output: new Float32Array(0) }),
    close: async () => {},
  });

  test('measures the process that was faster in trials', async () => {
    const fastest = new FastestPeer([
      { setting: 'a', peer: peer('torch', 3) },
      { setting: 'b', peer: peer('torch', 2) },
      { setting: 'c', peer: peer('torch', null) },
    ]);
    expect(await fastest.open({ kind: 'adamw', size: 1 }, 1)).toEqual({ can: true, form: 'eager, b', ms: 2 });
    expect((await fastest.round(0)).ms).toBe(2);
  });

  test('cannot what none of them can', async () => {
    const fastest = new FastestPeer([{ setting: 'a', peer: peer('torch', null) }]);
    expect(await fastest.open({ kind: 'adamw', size: 1 }, 1)).toEqual({ can: false, why: 'no' });
  });
});
