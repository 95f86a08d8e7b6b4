/** What threads ask of the system: a stretch of memory that all of the process finds, and threads of machine code. Linux, through libc. */
import type { ForeignFunction, Koffi } from '../koffi.js';

const PROT_READ_WRITE = 3;
const MAP_PRIVATE_ANONYMOUS = 0x22;
/** Linux 4.17; older systems take the address as a wish. */
const MAP_FIXED_NOREPLACE = 0x100000;
const EEXIST = 17;
const PTHREAD_CREATE_DETACHED = 1;
const SIG_SETMASK = 2;
/** glibc's pthread_attr_t has 56 bytes, its sigset_t 128. */
const ATTRIBUTES_BYTES = 128;
const SIGNAL_SET_BYTES = 128;

export type SystemResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: string };

interface ThreadFunctions {
  readonly attributesInit: ForeignFunction;
  readonly attributesDestroy: ForeignFunction;
  readonly setDetached: ForeignFunction;
  readonly setStackSize: ForeignFunction;
  readonly create: ForeignFunction;
  readonly signalMask: ForeignFunction;
  readonly setName: ForeignFunction;
}

/** glibc had these in a library of their own before 2.34. */
function threadFunctions(koffi: Koffi): ThreadFunctions {
  const from = (path: string): ThreadFunctions => {
    const library = koffi.load(path);
    return {
      attributesInit: library.func('pthread_attr_init', 'int', ['void*']),
      attributesDestroy: library.func('pthread_attr_destroy', 'int', ['void*']),
      setDetached: library.func('pthread_attr_setdetachstate', 'int', ['void*', 'int']),
      setStackSize: library.func('pthread_attr_setstacksize', 'int', ['void*', 'size_t']),
      create: library.func('pthread_create', 'int', ['void*', 'void*', 'uintptr_t', 'uintptr_t']),
      signalMask: library.func('pthread_sigmask', 'int', ['int', 'void*', 'void*']),
      setName: library.func('pthread_setname_np', 'int', ['uintptr_t', 'str']),
    };
  };
  try {
    return from('libc.so.6');
  } catch {
    return from('libpthread.so.0');
  }
}

export class ThreadSystem {
  readonly #koffi: Koffi;
  #functions: ThreadFunctions | null = null;

  constructor(koffi: Koffi) {
    this.#koffi = koffi;
  }

  /**
   * Memory of zeros at an address, which the first caller of the process makes and all others find: so isolates, which share nothing
   * else, have something in common.
   */
  memoryOfProcess(address: number, bytes: number): SystemResult<number> {
    const libc = this.#koffi.load('libc.so.6');
    const mmap = libc.func('mmap', 'intptr_t', ['uintptr_t', 'size_t', 'int', 'int', 'int', 'int64_t']);
    const munmap = libc.func('munmap', 'int', ['uintptr_t', 'size_t']);
    const at = Number(
      mmap(address, bytes, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0),
    );
    if (at === address) return { ok: true, value: address };
    const errno = this.#koffi.errno();
    if (at > 0) munmap(at, bytes);
    else if (errno !== EEXIST) return { ok: false, reason: `the system gives no memory (error ${errno})` };
    return isWritable(readMaps(), address, bytes)
      ? { ok: true, value: address }
      : { ok: false, reason: `something else lies at address 0x${address.toString(16)}` };
  }

  /** Starts a thread that ends with the process and gets no signals. */
  start(entry: number, argument: number, stackBytes: number, name: string): SystemResult<null> {
    const thread = new BigUint64Array(new ArrayBuffer(128));
    const attributes = new ArrayBuffer(ATTRIBUTES_BYTES);
    const all = new ArrayBuffer(SIGNAL_SET_BYTES);
    new Uint8Array(all).fill(0xff);
    const before = new ArrayBuffer(SIGNAL_SET_BYTES);
    this.#functions ??= threadFunctions(this.#koffi);
    const call = this.#functions;
    call.attributesInit(attributes);
    call.setDetached(attributes, PTHREAD_CREATE_DETACHED);
    call.setStackSize(attributes, stackBytes);
    // A new thread inherits the mask of the one that makes it.
    call.signalMask(SIG_SETMASK, all, before);
    const error = Number(call.create(thread.buffer, attributes, entry, argument));
    call.signalMask(SIG_SETMASK, before, null);
    call.attributesDestroy(attributes);
    if (error !== 0) return { ok: false, reason: `the system starts no thread (error ${error})` };
    call.setName(thread[0], name);
    return { ok: true, value: null };
  }
}

function readMaps(): string {
  try {
    return process.getBuiltinModule('node:fs').readFileSync('/proc/self/maps', 'latin1');
  } catch {
    return '';
  }
}

/** Whether private memory that can be read and written begins at an address, by the text of /proc/self/maps (proc(5)). */
export function isWritable(maps: string, address: number, bytes: number): boolean {
  return maps.split('\n').some((line) => {
    const [, from, to, access] = /^([0-9a-f]+)-([0-9a-f]+) (\S+)/.exec(line) ?? [];
    return (
      access === 'rw-p' && Number.parseInt(from, 16) === address && Number.parseInt(to, 16) >= address + bytes
    );
  });
}
