/**
 * Where native code cannot run, hadal takes WebAssembly and says so in one line. The machine is broken on purpose here: koffi is
 * missing, libc refuses, the processor lacks instructions.
 */
import Module from 'node:module';
import { afterEach, describe, expect, test, vi } from 'vitest';

type Load = (request: string, ...rest: unknown[]) => unknown;
const loader = Module as unknown as { _load: Load };
const original = loader._load;
const canRunNative = process.platform === 'linux' && process.arch === 'x64';

afterEach(() => {
  loader._load = original;
  vi.resetModules();
});

/** Opens the fastest backend in fresh modules, with what `require('koffi')` gives replaced. */
async function openWith(koffi: (real: () => unknown) => unknown) {
  loader._load = (request, ...rest) =>
    request === 'koffi' ? koffi(() => original(request, ...rest)) : original(request, ...rest);
  vi.resetModules();
  const { fastestBackend } = await import('../../src/engine/select.js');
  const lines: string[] = [];
  const backend = fastestBackend((line) => lines.push(line));
  return { backend, lines };
}

interface Library {
  func(name: string, ...rest: unknown[]): (...args: unknown[]) => unknown;
}
interface RealKoffi {
  load(path: string): Library;
}

/** koffi with one function of libc replaced. */
function withLibc(real: unknown, name: string, fake: (...args: unknown[]) => unknown): unknown {
  const koffi = real as RealKoffi;
  return new Proxy(koffi, {
    get(target, key, receiver) {
      if (key !== 'load') return Reflect.get(target, key, receiver);
      return (path: string): Library => {
        const library = target.load(path);
        return { func: (f, ...rest) => (f === name ? fake : library.func(f, ...rest)) };
      };
    },
  });
}

describe('engine choice', () => {
  test('no koffi: wasm, and one line that names it', async () => {
    const { backend, lines } = await openWith(() => {
      throw new Error("Cannot find module 'koffi'\nRequire stack:\n- somewhere");
    });
    expect(backend.name).toBe('wasm');
    expect(lines.length).toBe(1);
    expect(lines[0]).toContain(canRunNative ? 'koffi' : 'Linux');
    expect(lines[0]).not.toContain('\n');
  });

  test.runIf(canRunNative)('no executable memory: wasm', async () => {
    const { backend, lines } = await openWith((real) => withLibc(real(), 'mprotect', () => -1));
    expect(backend.name).toBe('wasm');
    expect(lines).toEqual([expect.stringContaining('executable')]);
  });

  test.runIf(canRunNative)('no memory for code: wasm', async () => {
    const { backend, lines } = await openWith((real) => withLibc(real(), 'mmap', () => -1));
    expect(backend.name).toBe('wasm');
    expect(lines).toEqual([expect.stringContaining('no memory')]);
  });

  test.runIf(canRunNative)('no AVX2: wasm', async () => {
    loader._load = original;
    vi.resetModules();
    const { Machine } = await import('../../src/runtime/native/machine.js');
    const cpuid = vi.spyOn(Machine.prototype, 'cpuid').mockReturnValue({ eax: 0, ebx: 0, ecx: 0, edx: 0 });
    const { fastestBackend, openBackend } = await import('../../src/engine/select.js');
    const lines: string[] = [];
    expect(fastestBackend((line) => lines.push(line)).name).toBe('wasm');
    expect(lines).toEqual([expect.stringContaining('AVX2')]);
    expect(() => openBackend('native')).toThrow(/cannot run here/);
    cpuid.mockRestore();
  });

  test('everything there: no notice', async () => {
    const { backend, lines } = await openWith((real) => real());
    expect(backend.name).toBe(canRunNative ? 'native' : 'wasm');
    expect(lines.length).toBe(canRunNative ? 0 : 1);
  });

  test('an engine that does not exist', async () => {
    const { openBackend } = await import('../../src/engine/select.js');
    expect(() => openBackend('cuda' as 'native')).toThrow(/native, wasm, reference/);
  });
});
