/** Peers by name. */
import type { Options } from '../options.js';
import type { Peer } from './peer.js';
import { TorchPeer } from './torch.js';

export async function openPeer(options: Options): Promise<Peer | null> {
  switch (options.peer) {
    case 'none':
      return null;
    case 'torch':
      return TorchPeer.start(options.python, options.threads);
  }
}
