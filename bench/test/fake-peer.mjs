/** A peer that doubles what hadal is asked to double, or does it wrong, as its first argument says. */
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const [behaviour, outputFile] = process.argv.slice(2);
const reply = (message) => console.log(JSON.stringify(message));

if (behaviour === 'mute') process.exit(3);
reply({ description: `fake, ${behaviour}` });
for await (const line of createInterface({ input: process.stdin })) {
  const { ask, round } = JSON.parse(line);
  if (ask === 'open') {
    reply(behaviour === 'unable' ? { unsupported: 'it has no doubling' } : { form: 'plain', ms: 1 });
  } else if (behaviour === 'dies') {
    process.exit(4);
  } else if (behaviour === 'throws') {
    reply({ failed: 'TypeError: x' });
  } else {
    // Wrong in one late round only, and in one element.
    const wrong = behaviour === 'wrong' && round === 6 ? 0.01 : 0;
    const output = Float32Array.from({ length: 4 }, (_, i) => 2 * (round + i) + (i === 3 ? wrong : 0));
    writeFileSync(outputFile, behaviour === 'short' ? output.subarray(1) : output);
    reply({ ms: behaviour === 'slow' ? 90_000 : 0.5, cpu: 1 });
  }
}
