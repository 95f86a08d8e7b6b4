export { Dropout, GELU, Linear, ReLU, Sequential } from './layers.js';
export { Module, Parameter } from './module.js';
