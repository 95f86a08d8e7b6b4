/** The tests as a program for Node, Deno and Bun: `program <folder of fixtures> <every>`; prints the report as JSON. */
import { readFile } from 'node:fs/promises';
import { runPrograms } from './programs.js';

const [folder, every] = process.argv.slice(-2);
const report = await runPrograms(
  async (name) => JSON.parse(await readFile(`${folder}/${name}.json`, 'utf8')),
  {
    every: Number(every),
    randomPrograms: Math.ceil(100 / Number(every)),
  },
);
console.log(JSON.stringify(report));
