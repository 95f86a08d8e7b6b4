/** A peer that trains a model in a process of its own: for how soon it begins, and how much memory it takes. */
import { join } from 'node:path';
import { type Figures, runProgram } from '../children/run.js';
import { type Model, parameterSpecs } from '../models/index.js';
import { programs, pythonOf } from './installation.js';
import type { Where } from './open.js';
import type { PeerCase, PeerName } from './peer.js';

/** Runs `steps` training steps; gives `stepped`, when the first was done in milliseconds since 1970, and `peak`, bytes. */
export type Once = (model: Model, steps: number) => Promise<Figures>;

/** How a peer does that, or null if it does not train that way. */
export function onceOf(name: PeerName, where: Where, threads: number): Once | null {
  if (name !== 'torch') return null;
  const python = pythonOf(where.peersFolder, where.python);
  return (model, steps) => {
    const spec: PeerCase = {
      kind: 'train',
      model: model.name,
      parameters: parameterSpecs(model.make()),
      input: model.input,
      target: model.target,
      optimizer: model.optimizer,
    };
    const args = [String(threads), String(steps), JSON.stringify(spec)];
    return runProgram([python, join(programs, 'torch_once.py'), ...args], {
      OMP_NUM_THREADS: String(threads),
      MKL_NUM_THREADS: String(threads),
    });
  };
}
