/**
 * A peer is another framework that does the same work on the same values. It says nothing about how: TensorFlow.js would run in
 * a Node child as PyTorch does in a Python one.
 */

/** Work that a peer is asked for, in the words that all peers understand. Inputs come from `inputSeed`; see values.ts. */
export type PeerCase =
  | {
      readonly kind: 'gemm';
      readonly m: number;
      readonly n: number;
      readonly k: number;
      readonly transA: boolean;
      readonly transB: boolean;
    }
  | { readonly kind: 'pointwise'; readonly name: string; readonly rows: number; readonly columns: number }
  | { readonly kind: 'adamw'; readonly size: number }
  | { readonly kind: 'mlp'; readonly sizes: readonly number[]; readonly batch: number; readonly lr: number }
  | { readonly kind: 'cnn'; readonly batch: number; readonly lr: number }
  | { readonly kind: 'chain'; readonly size: number; readonly ops: number };

export interface PeerRound {
  /** Milliseconds of one repetition. */
  readonly ms: number;
  /** CPU time over wall time while it ran. */
  readonly cpu: number;
  /** All outputs of all repetitions behind one another. */
  readonly output: Float32Array;
}

export interface Peer {
  readonly name: string;
  /** Name, version and settings, for people. */
  readonly description: string;
  /** Makes a case ready and warms it up; returns the form of it that was fastest. */
  open(peerCase: PeerCase, repetitions: number): Promise<string>;
  /** Runs the open case on the values of a round. */
  round(round: number): Promise<PeerRound>;
  close(): Promise<void>;
}
