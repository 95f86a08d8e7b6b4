/** The last token of a sequence through the small decoder: keys and values of the tokens before it lie in a cache, its own are added. */
import { functional as F, nn, type Tensor, zeros } from 'hadal';
import { BLOCKS, Gpt, HEADS, SEQUENCE, tokenFlops, VOCABULARY, WIDTH } from './gpt.js';
import { adam, type Model } from './model.js';

const POSITION = SEQUENCE - 1;

class GptToken extends Gpt {
  /** Of each block: keys, then values, of [1, heads, sequence, width of a head]. */
  readonly caches = new nn.ParameterList(
    Array.from({ length: 2 * BLOCKS }, () => zeros([1, HEADS, SEQUENCE, WIDTH / HEADS])),
  );

  /** @param x the token, [1, 1] */
  override forward(x: Tensor): Tensor {
    let y = this.tokens.forward(x).add(this.positions.weight.narrow(0, POSITION, 1));
    this.decoders.forEach((block, b) => {
      const parts = block.attend.forward(block.norm1.forward(y)).reshape([3, 1, HEADS, 1, WIDTH / HEADS]);
      const [q, k, v] = [0, 1, 2].map((i) => parts.select(0, i));
      const [keys, values] = [this.caches.at(2 * b), this.caches.at(2 * b + 1)];
      keys.narrow(2, POSITION, 1).copy_(k);
      values.narrow(2, POSITION, 1).copy_(v);
      const attended = F.scaledDotProductAttention(q, keys, values).reshape([1, 1, WIDTH]);
      const z = y.add(block.project.forward(attended));
      y = z.add(block.down.forward(F.gelu(block.up.forward(block.norm2.forward(z)))));
    });
    return this.head.forward(this.norm.forward(y)).reshape([1, VOCABULARY]);
  }
}

export const gptToken: Model = {
  name: 'gpt token',
  input: { shape: [1, 1], classes: VOCABULARY },
  target: { shape: [1], classes: VOCABULARY },
  optimizer: adam('adamw'),
  forwardFlops: tokenFlops,
  trainFlops: 3 * tokenFlops,
  make: () => new GptToken(),
};
