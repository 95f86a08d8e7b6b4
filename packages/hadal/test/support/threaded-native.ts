/** The native engine with its device at hand, for tests of threads. */
import { readdirSync, readFileSync } from 'node:fs';
import { compileX86 } from '../../src/codegen/x86/index.js';
import { CompiledBackend } from '../../src/engine/compiled.js';
import { Engine } from '../../src/engine/engine.js';
import { type NativeDevice, type NativeOptions, openNative } from '../../src/runtime/native/index.js';
import { Workspace } from '../../src/tensor/workspace.js';

export interface ThreadedNative {
  readonly space: Workspace;
  readonly device: NativeDevice;
}

/** Opens the engine with launches cut into so many shares, however small they are. */
export function openThreadedNative(count: number, options: NativeOptions = {}): ThreadedNative {
  const opened = openNative({ shares: { count, leastShareNs: 0 }, ...options });
  if (!opened.ok) throw new Error(opened.reason);
  const { device, features } = opened;
  const backend = new CompiledBackend('native', 'native with its device at hand', device, (fn) => ({
    code: compileX86(fn, features).code,
    listing: () => '',
  }));
  return { device, space: new Workspace(new Engine(backend)) };
}

export interface WorkerThread {
  /** What proc(5) calls the state: R runs, S sleeps. */
  readonly state: string;
  /** Processor time so far, in ticks of 10 ms. */
  readonly ticks: number;
  /** The signals it gets none of, bit by bit from 1. */
  readonly blocked: bigint;
}

/** The native engine's workers in this process, as the system sees them. */
export function workerThreads(): WorkerThread[] {
  return readdirSync('/proc/self/task').flatMap((task) => {
    const read = (file: string): string => readFileSync(`/proc/self/task/${task}/${file}`, 'utf8');
    if (read('comm').trim() !== 'hadal') return [];
    const stat = read('stat').split(') ')[1].split(' ');
    const blocked = /^SigBlk:\s*(\w+)$/m.exec(read('status'))?.[1] ?? '0';
    return [{ state: stat[0], ticks: Number(stat[11]) + Number(stat[12]), blocked: BigInt(`0x${blocked}`) }];
  });
}
