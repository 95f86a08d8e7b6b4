/**
 * A peer is another framework that does the same work on the same values: PyTorch in a Python child, the JavaScript ones in Node
 * children, all asked in the same words.
 */
import type { OptimizerSpec } from '../models/model.js';

export const peerNames = ['torch', 'tfjs-wasm', 'jaxjs-wasm', 'ort-wasm', 'ort-node'] as const;
export type PeerName = (typeof peerNames)[number];

/** Values of one parameter: uniform in [-scale, scale), plus `offset`. */
export interface ParameterSpec {
  readonly shape: readonly number[];
  readonly scale: number;
  readonly offset: number;
}

/** Values of a batch: floats in [-1, 1), or class numbers below `classes`. */
export interface ValuesSpec {
  readonly shape: readonly number[];
  readonly classes?: number;
}

export type ConvPass = 'forward' | 'input' | 'weight';

/** A square convolution of [batch, from, side, side], or one of its gradients for a gradient of the result. */
export interface ConvCase {
  readonly kind: 'conv';
  readonly batch: number;
  readonly from: number;
  readonly to: number;
  readonly side: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  readonly groups: number;
  readonly pass: ConvPass;
}

/** Attention over [1, heads, sequence, width]; backward gives the result and the gradients of queries, keys and values. */
export interface AttentionCase {
  readonly kind: 'attention';
  readonly heads: number;
  readonly sequence: number;
  readonly width: number;
  readonly causal: boolean;
  readonly pass: 'forward' | 'backward';
}

/** Work that a peer is asked for, in the words that all peers understand. Inputs come from `inputSeed`; see values.ts. */
export type PeerCase =
  | {
      readonly kind: 'gemm';
      readonly batch: number;
      readonly m: number;
      readonly n: number;
      readonly k: number;
      readonly transA: boolean;
      readonly transB: boolean;
      /** Whether all repetitions are asked for before the first is computed. */
      readonly together: boolean;
    }
  | { readonly kind: 'pointwise'; readonly name: string; readonly rows: number; readonly columns: number }
  | {
      readonly kind: 'embedding';
      readonly vocabulary: number;
      readonly width: number;
      readonly tokens: number;
    }
  | { readonly kind: 'adamw'; readonly size: number }
  | {
      readonly kind: 'train';
      readonly model: string;
      /** In the order and layout of PyTorch; values from the inputs 10, 11... of round 0. */
      readonly parameters: readonly ParameterSpec[];
      readonly input: ValuesSpec;
      readonly target: ValuesSpec & { readonly classes: number };
      readonly optimizer: OptimizerSpec;
    }
  | {
      readonly kind: 'infer';
      readonly model: string;
      readonly parameters: readonly ParameterSpec[];
      readonly input: ValuesSpec;
      /** Of the scores. */
      readonly output: readonly number[];
    }
  | ConvCase
  | AttentionCase
  | { readonly kind: 'chain'; readonly size: number; readonly ops: number };

/** Whether a peer does a case: in which form, how fast that was in trials; or why it cannot. */
export type Opened =
  | { readonly can: true; readonly form: string; readonly ms: number }
  | { readonly can: false; readonly why: string };

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
  /** Makes a case ready, in its fastest form. */
  open(peerCase: PeerCase, repetitions: number): Promise<Opened>;
  /** Runs the open case on the values of a round. */
  round(round: number): Promise<PeerRound>;
  close(): Promise<void>;
}
