export { AdamW, type AdamWOptions } from './adamw.js';
export { Optimizer } from './optimizer.js';
export { SGD, type SGDOptions } from './sgd.js';
