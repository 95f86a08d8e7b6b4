export { runSuite } from './run.js';
