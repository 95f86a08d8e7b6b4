/**
 * What a worker thread runs. Its source text is handed to the worker, so that it needs no file of its own in any bundle: everything it
 * uses comes in as an argument or is the host's, and nothing here may be imported.
 */

/** 32-bit words of a worker's part of the control memory, and the states in the first of them. */
export const controlLayout = {
  /** One of the states below. */
  state: 0,
  /** 0 until the worker waits for work, then 1; 2 when its thread is about to end. */
  life: 1,
  /** The system's number of the thread, 0 where it cannot be had. */
  thread: 2,
  kernel: 3,
  blocks: 4,
  count: 5,
  /** Bytes of code in the mailbox, 0 where the worker has compiled the kernel before. */
  codeBytes: 6,
  /** UTF-16 units of an error's message, which follow one a word. */
  messageLength: 7,
  message: 8,
  messageWords: 248,
  wordsPerWorker: 256,

  idle: 0,
  posted: 1,
  taken: 2,
  failed: 3,
  closing: 4,
} as const;

export interface WorkerStart {
  /** The WebAssembly memory that kernels import. */
  readonly memory: unknown;
  readonly control: SharedArrayBuffer;
  readonly layout: typeof controlLayout;
  /** The worker's first word. */
  readonly base: number;
  /** Where code is handed over, in bytes. */
  readonly mailbox: number;
  /** How long to look for the next share before the thread goes to sleep. */
  readonly spinMs: number;
}

/** Waits for shares and runs them until it is told to close. */
export function serveShares(start: WorkerStart): void {
  interface Host {
    readonly WebAssembly: {
      readonly Module: new (bytes: Uint8Array) => object;
      readonly Instance: new (
        module: object,
        imports: object,
      ) => { readonly exports: { run(blocks: number, count: number): void } };
    };
    readonly process?: {
      on(event: 'exit', listener: () => void): void;
      getBuiltinModule?(name: 'node:fs'): { readlinkSync(path: string): string } | undefined;
    };
  }
  const host = globalThis as unknown as Host;
  const { memory, control, layout, base, mailbox, spinMs } = start;
  const words = new Int32Array(control);
  const runs: ((blocks: number, count: number) => void)[] = [];

  function kernel(): (blocks: number, count: number) => void {
    const id = words[base + layout.kernel];
    const have = runs[id];
    if (have) return have;
    // Compilers take no shared memory.
    const code = new Uint8Array(control, mailbox, words[base + layout.codeBytes]).slice();
    const module = new host.WebAssembly.Module(code);
    const { run } = new host.WebAssembly.Instance(module, { env: { memory } }).exports;
    runs[id] = run;
    return run;
  }

  function note(error: unknown): void {
    const message = String(error instanceof Error ? `${error.name}: ${error.message}` : error);
    const length = Math.min(message.length, layout.messageWords);
    for (let i = 0; i < length; i++) words[base + layout.message + i] = message.charCodeAt(i);
    words[base + layout.messageLength] = length;
  }

  try {
    const link = host.process?.getBuiltinModule?.('node:fs')?.readlinkSync('/proc/thread-self') ?? '';
    words[base + layout.thread] = Number(/\d+$/.exec(link)?.[0] ?? 0);
  } catch {
    // Only Linux tells the number of a thread this way.
  }
  host.process?.on('exit', () => {
    Atomics.store(words, base + layout.life, 2);
    Atomics.notify(words, base + layout.state);
  });
  Atomics.store(words, base + layout.life, 1);
  for (;;) {
    let state = Atomics.load(words, base + layout.state);
    const until = performance.now() + spinMs;
    while (state !== layout.posted && state !== layout.closing) {
      if (performance.now() > until) Atomics.wait(words, base + layout.state, state);
      state = Atomics.load(words, base + layout.state);
    }
    if (state === layout.closing) return;
    // The main thread takes back what no worker has begun.
    if (Atomics.compareExchange(words, base + layout.state, layout.posted, layout.taken) !== layout.posted)
      continue;
    let end: number = layout.idle;
    try {
      kernel()(words[base + layout.blocks], words[base + layout.count]);
    } catch (error) {
      note(error);
      end = layout.failed;
    }
    Atomics.store(words, base + layout.state, end);
    Atomics.notify(words, base + layout.state);
  }
}
