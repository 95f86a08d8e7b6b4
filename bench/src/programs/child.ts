/**
 * Runs one program in a process of its own. `node child.js PROGRAM ENGINE THREADS quick|full compile|eager`; prints what it noted, the
 * milliseconds of each step, and the most bytes that the process held. NaN and infinities are strings.
 */
import { config, engine, setEngine } from 'hadal';
import { programNamed } from './index.js';
import { asText } from './outcome.js';
import type { Size } from './program.js';
import { Session } from './session.js';

const [name, engineName, threads, size, how] = process.argv.slice(2);
if (engineName !== 'native' && engineName !== 'wasm')
  throw new RangeError(`no engine is called ${engineName}`);
if (size !== 'quick' && size !== 'full') throw new RangeError(`no size is called ${size}`);
const program = programNamed(name);
await setEngine(engineName);
config.numThreads = Number(threads);
const session = new Session(size satisfies Size, how === 'compile');
const { step, finish } = program.start(session);
const ms: number[] = [];
for (let i = 0; i < program.steps[size]; i++) {
  session.dataMs = 0;
  const start = performance.now();
  const running = step(i);
  if (running instanceof Promise) await running;
  // What a program leaves pending is part of its step.
  engine().realize([]);
  ms.push(performance.now() - start - session.dataMs);
}
finish?.();
console.log(
  JSON.stringify({ notes: asText(session.notes), ms, peak: 1024 * process.resourceUsage().maxRSS }),
);
