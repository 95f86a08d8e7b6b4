/** Peers by name: which programs they are, and how those are started. */
import { join } from 'node:path';
import { UsageError } from '../errors.js';
import { pinned } from '../pinning.js';
import { type ChildCommand, ChildPeer } from './child.js';
import { FastestPeer } from './fastest.js';
import { installed, programs, pythonOf } from './installation.js';
import type { Peer, PeerName } from './peer.js';

export interface Where {
  readonly peersFolder: string;
  readonly python?: string;
  /** Whether `torch.compile` is among PyTorch's forms. */
  readonly torchCompile: boolean;
}

const scripts: { readonly [K in Exclude<PeerName, 'torch'>]: string } = {
  'tfjs-wasm': 'tfjs.mjs',
  'jaxjs-wasm': 'jaxjs.mjs',
  'ort-wasm': 'ort.mjs',
  'ort-node': 'ort-node.mjs',
};

const help = "'npm run bench:setup' installs the peers, and '--peer list' says which are there.";

function torchCommand(where: Where, threads: number, policy: 'active' | 'passive'): ChildCommand {
  const python = pythonOf(where.peersFolder, where.python);
  return {
    name: 'torch',
    command: pinned(
      [
        python,
        '-u',
        join(programs, 'torch_peer.py'),
        String(threads),
        where.torchCompile ? 'compile' : 'eager',
      ],
      threads,
    ),
    environment: {
      OMP_NUM_THREADS: String(threads),
      MKL_NUM_THREADS: String(threads),
      OMP_WAIT_POLICY: policy,
    },
    help: '--python PATH names a Python that has PyTorch.',
  };
}

async function openTorch(where: Where, threads: number): Promise<Peer> {
  // Whether threads spin between parallel regions is settled when the process starts, and matters with several of them only.
  if (threads === 1) return ChildPeer.start(torchCommand(where, threads, 'passive'));
  const peers: { setting: string; peer: Peer }[] = [];
  for (const policy of ['passive', 'active'] as const) {
    peers.push({
      setting: `OpenMP ${policy}`,
      peer: await ChildPeer.start(torchCommand(where, threads, policy)),
    });
  }
  return new FastestPeer(peers);
}

/** @throws UsageError when the peer is not installed, ChildError when it does not start. */
export async function openPeer(name: PeerName, where: Where, threads: number): Promise<Peer> {
  const { is, note } = installed(name, where.peersFolder, where.python);
  if (!is) throw new UsageError(`--peer ${name}: ${note}. ${help}`);
  if (name === 'torch') return openTorch(where, threads);
  return ChildPeer.start({
    name,
    command: pinned(
      [process.execPath, join(programs, scripts[name]), where.peersFolder, String(threads)],
      threads,
    ),
    help,
  });
}
