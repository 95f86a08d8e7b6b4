export { getRngState, manualSeed, nextStream, rand, randn, setRngState } from './generator.js';
