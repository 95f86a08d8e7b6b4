/** Small models and data for the tests of training. */
import { fromTypedArray, manualSeed, nn, type Tensor, TensorDataset } from '../../src/index.js';

/** Two layers with dropout between them: it draws random numbers in every step. */
export class DropoutNet extends nn.Module {
  hidden = new nn.Linear(6, 16);
  dropout = new nn.Dropout(0.25);
  out = new nn.Linear(16, 3);
  override forward(x: Tensor): Tensor {
    return this.out.forward(this.dropout.forward(this.hidden.forward(x).relu()));
  }
}

export class Line extends nn.Module {
  layer = new nn.Linear(2, 1);
  override forward(x: Tensor): Tensor {
    return this.layer.forward(x);
  }
}

/** Points and the class that a rule gives them; the same each time. */
export function points(samples: number): { x: Tensor; y: Tensor; data: TensorDataset<[Tensor, Tensor]> } {
  const values = Float32Array.from({ length: samples * 6 }, (_, i) => Math.sin(i * 12.9898) * 2);
  const labels = BigInt64Array.from({ length: samples }, (_, i) =>
    BigInt(values[i * 6] > 0.5 ? 2 : values[i * 6 + 1] > 0 ? 1 : 0),
  );
  const x = fromTypedArray(values, [samples, 6]);
  const y = fromTypedArray(labels, [samples]);
  return { x, y, data: new TensorDataset<[Tensor, Tensor]>(x, y) };
}

export function seeded<T>(make: () => T, seed = 5): T {
  manualSeed(seed);
  return make();
}

/** All parameters' bytes, one after the other. */
export function bytesOf(model: nn.Module): string {
  return [...model.stateDict()]
    .map(([name, tensor]) => {
      const data = tensor.dataSync();
      return `${name}:${Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex')}`;
    })
    .join('\n');
}
