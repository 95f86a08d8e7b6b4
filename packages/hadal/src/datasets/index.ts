/** Well-known datasets. */
export type { Mnist, MnistOptions } from './mnist.js';
export { mnist } from './mnist.js';
