/**
 * Results that nobody can reach any more, found before V8 would look for them. V8 does not see that a small object weighs 16 MB: it lets
 * results pile up, then marks its whole heap though all of them lie in its young generation. To go over the young generation alone,
 * between runs and as soon as some megabytes were handed out, gives their memory to the next result while the cache still holds it.
 */

/** A walk over the young generation takes 0.1 to 0.3 ms, writing this much 2 ms and more. */
const WORTH_A_WALK = 16 * 2 ** 20;

/** Where walks are in vain they become rarer, up to this much. V8 walks by itself after 32 MB. */
const WORTH_AT_MOST = 512 * 2 ** 20;

/** V8's young generation, or what a test puts in its place. */
export interface YoungGeneration {
  /** Frees what nothing can reach any more. */
  walk(): void;
  /** Bytes of ArrayBuffers, those of older ones too. */
  held(): number;
}

/**
 * V8 gives its `gc` to a new context, under a flag that may be set for that moment; a host that was started with the flag has it
 * already, and keeps it for its contexts and workers. Flags are the process's: no other is touched. Other engines have neither.
 */
export function findYoung(): YoungGeneration | null {
  try {
    const gc = collectorOfHost();
    if (gc === null) return null;
    return {
      walk() {
        gc({ type: 'minor' });
      },
      held: () => process.memoryUsage().arrayBuffers,
    };
  } catch {
    return null;
  }
}

/** V8's `gc`: of what its options say, or of all. Null where there is none. */
export function collectorOfHost(): ((options?: { readonly type: 'minor' }) => void) | null {
  const gc: unknown = Reflect.get(globalThis, 'gc') ?? hiddenGc();
  return typeof gc === 'function' ? (options) => gc(...(options === undefined ? [] : [options])) : null;
}

function hiddenGc(): unknown {
  const v8 = process.getBuiltinModule('node:v8');
  const vm = process.getBuiltinModule('node:vm');
  v8.setFlagsFromString('--expose-gc');
  try {
    return vm.runInNewContext('gc');
  } finally {
    v8.setFlagsFromString('--no-expose-gc');
  }
}

export class YoungGarbage {
  readonly #find: () => YoungGeneration | null;
  #young: YoungGeneration | null | undefined;
  #handedOut = 0;
  #worth = WORTH_A_WALK;
  /** Of an object that nobody has: it is gone when V8 collected garbage by itself since the last look. */
  #witness: WeakRef<object> | null = null;

  constructor(find: () => YoungGeneration | null = findYoung) {
    this.#find = find;
  }

  /** Counts memory that V8 is to free. */
  add(bytes: number): void {
    this.#handedOut += bytes;
  }

  /** To be called between runs, when the least is in use. */
  collect(): void {
    if (this.#handedOut < this.#worth) return;
    const handedOut = this.#handedOut;
    this.#handedOut = 0;
    const isCollected = this.#witness !== null && this.#witness.deref() === undefined;
    this.#witness = new WeakRef({});
    if (isCollected) return;
    if (this.#young === undefined) this.#young = this.#find();
    if (this.#young === null) return;
    const before = this.#young.held();
    this.#young.walk();
    const freed = before - this.#young.held();
    this.#worth = freed < handedOut / 4 ? Math.min(2 * this.#worth, WORTH_AT_MOST) : WORTH_A_WALK;
  }
}
