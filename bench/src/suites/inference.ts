/** Compiled forward passes of whole models without a tape: batches of 1 and 32, and what serves one request at a time. */
import { type Compiled, compile, inferenceMode, type Tensor } from 'hadal';
import { MismatchError } from '../errors.js';
import {
  cnn,
  gptToken,
  type Model,
  makeInput,
  mlp,
  parameterSpecs,
  resnet18,
  resnet18At224,
  setParameters,
} from '../models/index.js';
import { readAll, realize } from '../realize.js';
import type { Round, Workload } from '../workload.js';

const models: readonly Model[] = [mlp, cnn, resnet18];
const batches = [1, 32];
const singles: readonly Model[] = [resnet18At224, gptToken];

function workload(model: Model, batch: number): Workload {
  const input = { ...model.input, shape: [batch, ...model.input.shape.slice(1)] };
  const flops = batch * model.forwardFlops;
  const repetitions = Math.max(1, Math.min(20, Math.round(4e8 / flops)));
  const parameters = parameterSpecs(model.make());
  const nets: Compiled<[Tensor], Tensor>[] = [];
  return {
    suite: 'inference',
    case: `${model.name}, batch ${batch}`,
    repetitions,
    // A batch of one reads every weight for a few operations on it.
    work: {
      flops,
      bytes: 4 * parameters.reduce((sum, { shape }) => sum + shape.reduce((n, d) => n * d, 1), 0),
      footprint: 8 * parameters.reduce((sum, { shape }) => sum + shape.reduce((n, d) => n * d, 1), 0),
    },
    peer: {
      case: { kind: 'infer', model: model.name, parameters, input, output: [batch, model.target.classes] },
      tolerance: { relative: 1e-3, absolute: 1e-4 },
    },
    prepare(round): Round {
      if (nets.length === 0) {
        const net = model.make();
        setParameters(net);
        net.eval();
        nets.push(compile((x: Tensor) => inferenceMode(() => net.forward(x))));
      }
      const [net] = nets;
      const inputs = Array.from({ length: repetitions }, (_, r) => makeInput({ input }, round, r));
      const results: Tensor[] = [];
      return {
        run() {
          for (const x of inputs) {
            const y = net(x);
            realize(y);
            results.push(y);
          }
        },
        output: () => readAll(results),
        check(output) {
          const { classes } = model.target;
          if (output.length !== repetitions * batch * classes || !output.every(Number.isFinite))
            throw new MismatchError(`inference ${model.name}: scores are missing, or no numbers`);
          // Scores that did not depend on the input would be the same in every row.
          const [a, b] = [output.subarray(0, classes), output.subarray(-classes)];
          if (repetitions * batch > 1 && a.every((score, i) => score === b[i]))
            throw new MismatchError(`inference ${model.name}: two inputs have the same scores`);
        },
      };
    },
  };
}

export function inferenceWorkloads(): Workload[] {
  return [
    ...models.flatMap((model) => batches.map((batch) => workload(model, batch))),
    ...singles.map((model) => workload(model, 1)),
  ];
}
