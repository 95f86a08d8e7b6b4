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

interface Batch {
  readonly x: Tensor;
  readonly y: Tensor;
}

/** One step for each batch; its loss is added to `losses`. */
function trainOn(
  net: nn.Module,
  optimizer: optim.Optimizer,
  batches: readonly Batch[],
  losses: Tensor[],
): void {
  for (const { x, y } of batches) {
    optimizer.zeroGrad();
    const loss = F.crossEntropy(net.forward(x), y);
    loss.backward();
    optimizer.step();
    losses.push(loss);
  }
}

/** Labels are random: the loss stays near that of a guess among ten. */
function checkLosses(name: string, losses: Float32Array): void {
  for (const loss of losses) {
    if (!(Math.abs(loss - Math.log(10)) < 0.5)) throw new MismatchError(`train ${name}: a loss of ${loss}`);
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
        run: () => trainOn(net, optimizer, batches, losses),
        output: () => readAll([...losses, ...net.parameters()]),
        check(output) {
          if (output.length !== STEPS + parameters)
            throw new MismatchError(`train mlp: ${output.length} outputs`);
          checkLosses('mlp', output.subarray(0, STEPS));
        },
      };
    },
  };
}

const CNN_BATCH = 128;
const CNN_RATE = 1e-3;

/** Two convolutions, a max-pool and two linear layers on 28x28 images; AdamW. */
class Cnn extends nn.Module {
  readonly conv1 = new nn.Conv2d(1, 32, 3);
  readonly conv2 = new nn.Conv2d(32, 64, 3);
  readonly hidden = new nn.Linear(9216, 128);
  readonly head = new nn.Linear(128, 10);

  override forward(x: Tensor): Tensor {
    const y = this.conv2.forward(this.conv1.forward(x).relu()).relu();
    return this.head.forward(this.hidden.forward(F.maxPool2d(y, 2).flatten(1)).relu());
  }
}

function cnnFlops(): number {
  const conv1 = 2 * 32 * 9 * 26 * 26;
  const conv2 = 2 * 64 * 32 * 9 * 24 * 24;
  const linear = 2 * (9216 * 128 + 128 * 10);
  return CNN_BATCH * (2 * conv1 + 3 * conv2 + 3 * linear);
}

function cnn(): Workload {
  const state: { net: Cnn; optimizer: optim.AdamW }[] = [];
  return {
    suite: 'train',
    case: 'cnn',
    repetitions: STEPS,
    work: { flops: cnnFlops(), bytes: 0, footprint: 0 },
    peer: {
      case: { kind: 'cnn', batch: CNN_BATCH, lr: CNN_RATE },
      tolerance: { relative: 1e-3, absolute: 1e-4 },
    },
    prepare(round): Round {
      if (state.length === 0) {
        const net = new Cnn();
        noGrad(() => {
          let fan = 1;
          [...net.parameters()].forEach((p, i) => {
            if (p.ndim > 1) fan = p.numel() / p.shape[0];
            const bound = 1 / Math.sqrt(fan);
            p.copy_(fromTypedArray(uniformValues(inputSeed(0, 0, 10 + i), p.numel(), bound), p.shape));
          });
        });
        state.push({ net, optimizer: new optim.AdamW(net.parameters(), { lr: CNN_RATE }) });
      }
      const [{ net, optimizer }] = state;
      const batches = Array.from({ length: STEPS }, (_, step) => ({
        x: fromTypedArray(uniformValues(inputSeed(round, step, 0), CNN_BATCH * 784), [CNN_BATCH, 1, 28, 28]),
        y: fromTypedArray(classNumbers(inputSeed(round, step, 1), CNN_BATCH, 10), [CNN_BATCH]),
      }));
      const losses: Tensor[] = [];
      return {
        run: () => trainOn(net, optimizer, batches, losses),
        output: () => readAll(losses),
        check: (output) => checkLosses('cnn', output),
      };
    },
  };
}

export function trainWorkloads(): Workload[] {
  return [mlp(), cnn()];
}
