export * from './binary.js';
export * from './joining.js';
export * from './reductions.js';
export * from './shape.js';
export * from './unary.js';
