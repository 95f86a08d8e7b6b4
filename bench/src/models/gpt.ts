/** A small decoder: pre-norm blocks with causal attention, GELU, learned positions; AdamW. */
import { arange, functional as F, nn, type Tensor } from 'hadal';
import { adam, type Model } from './model.js';

export const BLOCKS = 4;
export const WIDTH = 256;
export const HEADS = 8;
export const VOCABULARY = 512;
export const SEQUENCE = 128;
const BATCH = 8;

export class Block extends nn.Module {
  readonly norm1 = new nn.LayerNorm(WIDTH);
  readonly attend = new nn.Linear(WIDTH, 3 * WIDTH);
  readonly project = new nn.Linear(WIDTH, WIDTH);
  readonly norm2 = new nn.LayerNorm(WIDTH);
  readonly up = new nn.Linear(WIDTH, 4 * WIDTH);
  readonly down = new nn.Linear(4 * WIDTH, WIDTH);

  override forward(x: Tensor): Tensor {
    const [batch, sequence] = x.shape;
    const parts = this.attend
      .forward(this.norm1.forward(x))
      .reshape([batch, sequence, 3, HEADS, WIDTH / HEADS])
      .permute([2, 0, 3, 1, 4]);
    const [q, k, v] = [0, 1, 2].map((i) => parts.select(0, i));
    const attended = F.scaledDotProductAttention(q, k, v, { isCausal: true });
    const joined = attended.transpose(1, 2).reshape([batch, sequence, WIDTH]);
    const y = x.add(this.project.forward(joined));
    return y.add(this.down.forward(F.gelu(this.up.forward(this.norm2.forward(y)))));
  }
}

export class Gpt extends nn.Module {
  readonly tokens = new nn.Embedding(VOCABULARY, WIDTH);
  readonly positions = new nn.Embedding(SEQUENCE, WIDTH);
  readonly decoders = Array.from({ length: BLOCKS }, () => new Block());
  readonly blocks = new nn.Sequential(...this.decoders);
  readonly norm = new nn.LayerNorm(WIDTH);
  readonly head = new nn.Linear(WIDTH, VOCABULARY, { bias: false });

  override forward(x: Tensor): Tensor {
    const positions = this.positions.forward(arange(SEQUENCE));
    const y = this.blocks.forward(this.tokens.forward(x).add(positions));
    return this.head.forward(this.norm.forward(y)).reshape([-1, VOCABULARY]);
  }
}

// Products of a token with weights, and with all tokens of its sentence: masked scores are computed, as everyone does.
const weights = BLOCKS * 12 * WIDTH * WIDTH + WIDTH * VOCABULARY;
export const tokenFlops = 2 * (weights + BLOCKS * 2 * SEQUENCE * WIDTH);
const forwardFlops = SEQUENCE * tokenFlops;

export const gpt: Model = {
  name: 'gpt',
  input: { shape: [BATCH, SEQUENCE], classes: VOCABULARY },
  target: { shape: [BATCH * SEQUENCE], classes: VOCABULARY },
  optimizer: adam('adamw'),
  forwardFlops,
  trainFlops: BATCH * 3 * forwardFlops,
  make: () => new Gpt(),
};
