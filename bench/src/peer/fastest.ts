/** One peer in several processes whose settings cannot be changed while they run; the one that was faster in trials is measured. */
import type { Opened, Peer, PeerCase, PeerRound } from './peer.js';

export class FastestPeer implements Peer {
  readonly name: string;
  readonly description: string;
  readonly #peers: readonly { readonly setting: string; readonly peer: Peer }[];
  #chosen: Peer;

  constructor(peers: readonly { readonly setting: string; readonly peer: Peer }[]) {
    const [first] = peers;
    if (first === undefined) throw new RangeError('a peer needs at least one process');
    this.#peers = peers;
    this.#chosen = first.peer;
    this.name = first.peer.name;
    this.description = `${first.peer.description} (${peers.map(({ setting }) => setting).join(' or ')})`;
  }

  async open(peerCase: PeerCase, repetitions: number): Promise<Opened> {
    let best: Opened = { can: false, why: 'no form of it ran' };
    for (const { setting, peer } of this.#peers) {
      const opened = await peer.open(peerCase, repetitions);
      if (!opened.can) {
        if (!best.can) best = opened;
      } else if (!best.can || opened.ms < best.ms) {
        best = { ...opened, form: `${opened.form}, ${setting}` };
        this.#chosen = peer;
      }
    }
    return best;
  }

  round(round: number): Promise<PeerRound> {
    return this.#chosen.round(round);
  }

  async close(): Promise<void> {
    for (const { peer } of this.#peers) await peer.close();
  }
}
