/** The tests on a page's main thread: posts the report, or what went wrong, to the server that the page came from. */
import { runPrograms } from './programs.js';

const post = (path: string, body: unknown): Promise<Response> =>
  fetch(path, { method: 'POST', body: JSON.stringify(body) });

async function fixture(name: string): Promise<unknown> {
  return (await fetch(`/fixtures/${name}.json`)).json();
}

try {
  const every = Number(new URL(import.meta.url).searchParams.get('every') ?? 1);
  await post('/report', await runPrograms(fixture, { every, randomPrograms: Math.ceil(100 / every) }));
} catch (error) {
  await post('/failure', error instanceof Error ? error.stack : String(error));
}
