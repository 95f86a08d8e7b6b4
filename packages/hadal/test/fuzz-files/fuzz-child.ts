/** Reads damaged files and prints a report as JSON: `node fuzz-child.mjs FIXTURES FILES SEED`. */
import { fuzzFiles } from './fuzz.js';

const [fixtures, files, seed] = process.argv.slice(-3);
const formats = await fuzzFiles({ fixtures, files: Number(files), seed: Number(seed) });
const { maxRSS } = process.resourceUsage();
console.log(JSON.stringify({ formats, megabytes: maxRSS / 1024 }));
