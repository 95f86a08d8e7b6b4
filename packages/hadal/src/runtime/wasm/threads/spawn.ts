/** Starts worker threads on hosts that have them: `worker_threads` in Node, Deno and Bun, `Worker` on web pages. */
import { serveShares, type WorkerStart } from './worker.js';

/** A thread that was started. It never keeps the process alive, and ends with it. */
export interface WorkerHandle {
  /** Why the thread has ended, or cannot start, as far as the host has said; null while it runs. */
  ended(): string | null;
  terminate(): void;
}

export type Spawn = (source: string, start: WorkerStart) => WorkerHandle;

interface NodeWorker {
  on(event: 'error', listener: (error: Error) => void): void;
  on(event: 'exit', listener: (code: number) => void): void;
  unref(): void;
  terminate(): unknown;
}

interface WebWorker {
  onerror: ((event: { readonly message?: string }) => void) | null;
  postMessage(message: unknown): void;
  terminate(): void;
}

interface Host {
  readonly process?: {
    getBuiltinModule?(
      name: 'node:worker_threads',
    ): { readonly Worker: new (source: string, options: object) => NodeWorker } | undefined;
  };
  readonly Worker?: new (url: string, options: object) => WebWorker;
  readonly Blob?: new (parts: readonly string[], options: object) => object;
  readonly URL?: { createObjectURL(blob: object): string; revokeObjectURL(url: string): void };
  readonly crossOriginIsolated?: boolean;
}

/**
 * The source of a worker's function. Some bundlers wrap functions in calls of a helper that keeps their names; the worker has its own,
 * which does nothing.
 */
export const workerSource = `const __name = (f) => f;\nconst serve = ${serveShares.toString()};`;

function spawnNode(Worker: new (source: string, options: object) => NodeWorker): Spawn {
  return (source, start) => {
    let reason: string | null = null;
    // No options of this process: what it loads beforehand or waits for is not for a thread that only computes.
    const worker = new Worker(`${source}\nserve(require('node:worker_threads').workerData);`, {
      eval: true,
      execArgv: [],
      workerData: start,
    });
    worker.on('error', (error) => {
      reason ??= error.message;
    });
    worker.on('exit', (code) => {
      reason ??= `the thread ended with code ${code}`;
    });
    worker.unref();
    return { ended: () => reason, terminate: () => void worker.terminate() };
  };
}

function spawnWeb(host: Required<Pick<Host, 'Worker' | 'Blob' | 'URL'>>): Spawn {
  return (source, start) => {
    let reason: string | null = null;
    const text = `${source}\nonmessage = ({ data }) => { serve(data); close(); };`;
    const url = host.URL.createObjectURL(new host.Blob([text], { type: 'text/javascript' }));
    const worker = new host.Worker(url, { name: 'hadal' });
    worker.onerror = (event) => {
      reason ??= event.message ?? 'the worker cannot be started';
    };
    worker.postMessage(start);
    host.URL.revokeObjectURL(url);
    return { ended: () => reason, terminate: () => worker.terminate() };
  };
}

/** How this host starts threads that share memory, or null where it does not. */
export function hostSpawn(): Spawn | null {
  const host = globalThis as unknown as Host;
  if (typeof SharedArrayBuffer === 'undefined' || host.crossOriginIsolated === false) return null;
  const node = host.process?.getBuiltinModule?.('node:worker_threads');
  if (node) return spawnNode(node.Worker);
  const { Worker, Blob, URL } = host;
  return Worker && Blob && URL ? spawnWeb({ Worker, Blob, URL }) : null;
}
