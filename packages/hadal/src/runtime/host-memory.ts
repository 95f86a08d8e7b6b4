/** How much memory this process takes and may still take. */

interface HostProcess {
  /** Since Node 20.13; knows the limits of containers. */
  availableMemory?(): number;
  getBuiltinModule?(name: 'node:os'): { freemem(): number } | undefined;
}

/** Bytes that the host has left, or infinity where it does not say (in pages). */
export function availableMemory(): number {
  if (typeof process === 'undefined') return Number.POSITIVE_INFINITY;
  const host = process as unknown as HostProcess;
  return (
    host.availableMemory?.() ?? host.getBuiltinModule?.('node:os')?.freemem() ?? Number.POSITIVE_INFINITY
  );
}

/** Bytes of the JavaScript heap and of all ArrayBuffers, or null where the host does not say. */
export function usedMemory(): { readonly heap: number; readonly buffers: number } | null {
  if (typeof process === 'undefined' || typeof process.memoryUsage !== 'function') return null;
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return { heap: heapUsed, buffers: arrayBuffers };
}
