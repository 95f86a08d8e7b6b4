export {
  bernoulli,
  multinomial,
  normal,
  rand,
  randint,
  randLike,
  randn,
  randnLike,
  randperm,
} from './distributions.js';
export { normalValue, uniformValue } from './draw.js';
export { type GeneratorState, getRngState, manualSeed, nextStream, setRngState } from './generator.js';
export { bernoulli_, normal_, uniform_ } from './in-place.js';
