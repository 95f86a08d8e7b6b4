/** PyTorch in a Python child process: requests and replies are lines of JSON, outputs come through a file. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ChildError } from '../errors.js';
import { pinned } from '../pinning.js';
import type { Peer, PeerCase, PeerRound } from './peer.js';

const script = fileURLToPath(new URL('../../peers/torch_peer.py', import.meta.url));

type Reply = { readonly [name: string]: unknown };

export class TorchPeer implements Peer {
  readonly name = 'torch';
  description = 'PyTorch';
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #folder: string;
  readonly #lines: AsyncIterator<string>;
  #failure: string | null = null;

  private constructor(child: ChildProcessWithoutNullStreams, folder: string) {
    this.#child = child;
    this.#folder = folder;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    child.stderr.pipe(process.stderr, { end: false });
    child.on('error', (error) => {
      this.#failure = error.message;
    });
    // A broken pipe shows in the reply that never comes.
    child.stdin.on('error', () => {});
  }

  static async start(python: string, threads: number): Promise<TorchPeer> {
    const folder = await mkdtemp(join(tmpdir(), 'hadal-bench-'));
    const [command, ...args] = pinned(
      [python, '-u', script, String(threads), join(folder, 'output')],
      threads,
    );
    const peer = new TorchPeer(
      spawn(command, args, {
        env: { ...process.env, OMP_NUM_THREADS: String(threads), MKL_NUM_THREADS: String(threads) },
      }),
      folder,
    );
    try {
      const hello = await peer.#reply('start');
      peer.description = String(hello.description);
    } catch (error) {
      await peer.close();
      throw error;
    }
    return peer;
  }

  async #ask(request: object): Promise<Reply> {
    this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    return this.#reply(JSON.stringify(request));
  }

  async #reply(to: string): Promise<Reply> {
    const { value, done } = await this.#lines.next();
    if (done) {
      const why = this.#failure ?? 'see the lines above';
      throw new ChildError(
        `the torch peer ended at ${to}: ${why}. --python PATH names a Python that has PyTorch.`,
      );
    }
    const reply: unknown = JSON.parse(value);
    if (typeof reply !== 'object' || reply === null)
      throw new ChildError(`the torch peer said ${value} to ${to}`);
    return reply as Reply;
  }

  async open(peerCase: PeerCase, repetitions: number): Promise<string> {
    const reply = await this.#ask({ ask: 'open', case: peerCase, repetitions });
    return String(reply.form);
  }

  async round(round: number): Promise<PeerRound> {
    const { ms, cpu } = await this.#ask({ ask: 'round', round });
    if (typeof ms !== 'number' || typeof cpu !== 'number')
      throw new ChildError('the torch peer sent no times');
    const bytes = await readFile(join(this.#folder, 'output'));
    const output = new Float32Array(
      bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength),
    );
    return { ms, cpu, output };
  }

  async close(): Promise<void> {
    this.#child.stdin.end();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
