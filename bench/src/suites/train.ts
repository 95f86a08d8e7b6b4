/** Whole training steps: forward, backward and update, fresh batches every time. */
import type { nn, optim, Tensor } from 'hadal';
import { MismatchError } from '../errors.js';
import {
  cnn,
  gpt,
  lstm,
  type Model,
  makeBatch,
  makeOptimizer,
  mlp,
  parameterSpecs,
  resnet18,
  setParameters,
  trainOn,
} from '../models/index.js';
import { readAll } from '../realize.js';
import type { Round, Workload } from '../workload.js';

const models: readonly Model[] = [mlp, cnn, resnet18, gpt, lstm];

/** Labels are random: the loss stays near that of a guess. */
function checkLosses(name: string, losses: Float32Array, classes: number): void {
  for (const loss of losses) {
    if (!(Math.abs(loss - Math.log(classes)) < 1))
      throw new MismatchError(`train ${name}: a loss of ${loss}`);
  }
}

/**
 * Outputs are the losses and the last parameter: the losses of a round follow from all parameters that the rounds before it left.
 */
function trainWorkload(model: Model, steps: number): Workload {
  const state: { net: nn.Module; optimizer: optim.Optimizer; last: Tensor }[] = [];
  const { name, input, target, optimizer } = model;
  const parameters = parameterSpecs(model.make());
  return {
    suite: 'train',
    case: name,
    repetitions: steps,
    work: { flops: model.trainFlops, bytes: 0, footprint: 0 },
    peer: {
      case: { kind: 'train', model: name, parameters, input, target, optimizer },
      // Batch norm over few values makes roundings grow from step to step.
      tolerance: { relative: name === 'resnet18' ? 1e-2 : 1e-3, absolute: name === 'resnet18' ? 1e-3 : 1e-4 },
    },
    prepare(round): Round {
      if (state.length === 0) {
        const net = model.make();
        setParameters(net);
        const last = [...net.parameters()].at(-1);
        if (last === undefined) throw new RangeError(`${name} has no parameters`);
        state.push({ net, optimizer: makeOptimizer(optimizer, net), last });
      }
      const [{ net, optimizer: stepper, last }] = state;
      const batches = Array.from({ length: steps }, (_, step) => makeBatch(model, round, step));
      const losses: Tensor[] = [];
      return {
        run: () => trainOn(net, stepper, batches, losses),
        output: () => readAll([...losses, last]),
        check: (output) => checkLosses(name, output.subarray(0, steps), target.classes),
      };
    },
  };
}

/** Short steps are timed several at a time. */
function stepsOf({ trainFlops }: Model): number {
  return Math.max(1, Math.min(3, Math.round(1e10 / trainFlops)));
}

export function trainWorkloads(): Workload[] {
  return models.map((model) => trainWorkload(model, stepsOf(model)));
}
