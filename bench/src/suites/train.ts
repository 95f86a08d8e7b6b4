/** Whole training steps. */
import { functional as F, fromTypedArray, nn, noGrad, optim, type Tensor } from 'hadal';
import { MismatchError } from '../errors.js';
import { readAll } from '../realize.js';
import { classNumbers, inputSeed, uniformValues } from '../values.js';
import type { Round, Workload } from '../workload.js';

const SIZES = [784, 1024, 1024, 10];
const BATCH = 256;
const RATE = 0.01;
const STEPS = 3;

export class Mlp extends nn.Module {
  readonly layers: readonly nn.Linear[];

  constructor(sizes: readonly number[]) {
    super();
    this.layers = sizes.slice(1).map((out, i) => new nn.Linear(sizes[i], out));
  }

  override forward(x: Tensor): Tensor {
    return this.layers.reduce((y, layer, i) => (i === 0 ? layer.forward(y) : layer.forward(y.relu())), x);
  }
}

/** Multiplications and additions of forward and both gradients; the input of the first layer has none. */
function flopsOf(sizes: readonly number[], batch: number): number {
  return sizes.slice(1).reduce((sum, out, i) => sum + (i === 0 ? 2 : 3) * 2 * batch * sizes[i] * out, 0);
}

function mlp(): Workload {
  const state: { net: Mlp; optimizer: optim.SGD }[] = [];
  const parameters = SIZES.slice(1).reduce((sum, out, i) => sum + out * (SIZES[i] + 1), 0);
  return {
    suite: 'train',
    case: 'mlp',
    repetitions: STEPS,
    work: { flops: flopsOf(SIZES, BATCH), bytes: 0, footprint: 0 },
    peer: {
      case: { kind: 'mlp', sizes: SIZES, batch: BATCH, lr: RATE },
      tolerance: { relative: 1e-3, absolute: 1e-5 },
    },
    prepare(round): Round {
      if (state.length === 0) {
        const net = new Mlp(SIZES);
        noGrad(() => {
          [...net.parameters()].forEach((p, i) => {
            const bound = 1 / Math.sqrt(SIZES[i >> 1]);
            p.copy_(fromTypedArray(uniformValues(inputSeed(0, 0, 10 + i), p.numel(), bound), p.shape));
          });
        });
        state.push({ net, optimizer: new optim.SGD(net.parameters(), { lr: RATE }) });
      }
      const [{ net, optimizer }] = state;
      const batches = Array.from({ length: STEPS }, (_, step) => ({
        x: fromTypedArray(uniformValues(inputSeed(round, step, 0), BATCH * SIZES[0]), [BATCH, SIZES[0]]),
        y: fromTypedArray(classNumbers(inputSeed(round, step, 1), BATCH, 10), [BATCH]),
      }));
      const losses: Tensor[] = [];
      return {
        run() {
          for (const { x, y } of batches) {
            const loss = F.crossEntropy(net.forward(x), y);
            optimizer.zeroGrad();
            loss.backward();
            optimizer.step();
            losses.push(loss);
          }
        },
        output: () => readAll([...losses, ...net.parameters()]),
        check(output) {
          if (output.length !== STEPS + parameters)
            throw new MismatchError(`train mlp: ${output.length} outputs`);
          // Labels are random: the loss stays near that of a guess among ten.
          for (const loss of output.subarray(0, STEPS)) {
            if (!(Math.abs(loss - Math.log(10)) < 0.5))
              throw new MismatchError(`train mlp: a loss of ${loss}`);
          }
        },
      };
    },
  };
}

export function trainWorkloads(): Workload[] {
  return [mlp()];
}
