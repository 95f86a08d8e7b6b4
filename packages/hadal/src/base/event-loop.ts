/**
 * Lets the event loop run. A training loop whose awaits are all settled already runs in microtasks only, and while those
 * run no signal handler (Ctrl-C), timer, repaint or finaliser does.
 */
import { recording } from './recording.js';

/** Longest time in milliseconds that a loop should keep the event loop waiting. */
export const patience = 5;

/** Resolves after the event loop has run its other work. */
export function nextMacrotask(): Promise<void> {
  const recorder = recording.current;
  return recorder === null ? macrotask() : macrotask().then(recorder.wait());
}

function macrotask(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === 'function') {
      setImmediate(resolve);
      return;
    }
    // Browsers hold a nested setTimeout back for 4 ms; a message arrives at once.
    const channel = new MessageChannel();
    const onmessage = () => {
      channel.port1.close();
      resolve();
    };
    Object.assign(channel.port1, { onmessage });
    channel.port2.postMessage(undefined);
  });
}

let lastPause = 0;

/** Lets the event loop run if it has had to wait for longer than `patience`; for awaited reads. */
export async function giveWay(): Promise<void> {
  if (performance.now() - lastPause < patience) return;
  await nextMacrotask();
  lastPause = performance.now();
}
