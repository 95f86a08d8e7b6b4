/**
 * A peer in a child process: requests and replies are lines of JSON, outputs come through a file. The child is stopped while it is
 * not asked: threads that spin for the next piece of work, or a garbage collector, would disturb what is measured meanwhile.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ChildError } from '../errors.js';
import type { Opened, Peer, PeerCase, PeerRound } from './peer.js';

export interface ChildCommand {
  readonly name: string;
  /** The command line, to which the path of the output file is added. */
  readonly command: readonly string[];
  readonly environment?: { readonly [name: string]: string };
  /** What to do when it does not start. */
  readonly help: string;
}

type Reply = { readonly [name: string]: unknown };

const canStop = process.platform !== 'win32';

export class ChildPeer implements Peer {
  readonly name: string;
  description = '';
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #folder: string;
  readonly #lines: AsyncIterator<string>;
  readonly #help: string;
  readonly #cleanUp: () => void;
  #failure: string | null = null;

  private constructor({ name, command, environment, help }: ChildCommand) {
    this.name = name;
    this.#help = help;
    this.#folder = mkdtempSync(join(tmpdir(), 'hadal-bench-'));
    const [program, ...args] = [...command, join(this.#folder, 'output')];
    this.#child = spawn(program, args, { env: { ...process.env, ...environment } });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    this.#child.stderr.pipe(process.stderr, { end: false });
    this.#child.on('error', (error) => {
      this.#failure = error.message;
    });
    // A broken pipe shows in the reply that never comes.
    this.#child.stdin.on('error', () => {});
    // A stopped child would outlive a parent that ends early.
    this.#cleanUp = () => {
      this.#child.kill('SIGKILL');
      rmSync(this.#folder, { recursive: true, force: true });
    };
    process.once('exit', this.#cleanUp);
  }

  /** @throws ChildError when the program cannot be started, or ends before it says hello. */
  static async start(command: ChildCommand): Promise<ChildPeer> {
    const peer = new ChildPeer(command);
    try {
      const { description } = await peer.#reply('the start');
      peer.description = String(description);
    } catch (error) {
      await peer.close();
      throw error;
    }
    return peer;
  }

  #signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    if (canStop) this.#child.kill(signal);
  }

  async #ask(request: object): Promise<Reply> {
    this.#signal('SIGCONT');
    this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    const reply = await this.#reply(JSON.stringify(request).slice(0, 200));
    this.#signal('SIGSTOP');
    return reply;
  }

  async #reply(to: string): Promise<Reply> {
    const { value, done } = await this.#lines.next();
    if (done) {
      const why = this.#failure ?? 'see the lines above';
      throw new ChildError(`the peer ${this.name} ended at ${to}: ${why}. ${this.#help}`);
    }
    const reply = parse(value);
    if (reply === null) throw new ChildError(`the peer ${this.name} said ${value} to ${to}`);
    if (typeof reply.failed === 'string')
      throw new ChildError(`the peer ${this.name} failed at ${to}: ${reply.failed}`);
    return reply;
  }

  async open(peerCase: PeerCase, repetitions: number): Promise<Opened> {
    const reply = await this.#ask({ ask: 'open', case: peerCase, repetitions });
    if (typeof reply.unsupported === 'string') return { can: false, why: reply.unsupported };
    return { can: true, form: String(reply.form), ms: Number(reply.ms ?? 0) };
  }

  async round(round: number): Promise<PeerRound> {
    const { ms, cpu } = await this.#ask({ ask: 'round', round });
    if (typeof ms !== 'number' || typeof cpu !== 'number')
      throw new ChildError(`the peer ${this.name} sent no times`);
    const bytes = await readFile(join(this.#folder, 'output'));
    const output = new Float32Array(
      bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength),
    );
    return { ms, cpu, output };
  }

  async close(): Promise<void> {
    process.off('exit', this.#cleanUp);
    this.#cleanUp();
  }
}

function parse(line: string): Reply | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? { ...value } : null;
  } catch {
    return null;
  }
}
