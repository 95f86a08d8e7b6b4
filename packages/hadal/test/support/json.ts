/** Programs and their results as JSON. */
import type { Examined } from './agreement.js';
import { toleranceOf } from './compare.js';
import type { Element, Plain, Program, Snapshot } from './program.js';

function encodeElement(x: number | bigint): Element {
  if (typeof x === 'bigint') return x >= -(2n ** 53n) && x <= 2n ** 53n ? Number(x) : `${x}`;
  if (Number.isNaN(x)) return 'nan';
  if (Object.is(x, -0)) return '-0';
  return x === Number.POSITIVE_INFINITY ? 'inf' : x === Number.NEGATIVE_INFINITY ? '-inf' : x;
}

export function encodeSnapshot(s: Snapshot): Plain {
  return { shape: s.shape, dtype: s.dtype, data: Array.from(s.data, encodeElement) };
}

export interface EncodedCase {
  readonly program: Program;
  readonly results: readonly (Plain & {
    readonly of: string;
    readonly allowed: readonly (number | null)[];
  })[];
  readonly thrown: { readonly step: number; readonly error: string } | null;
}

/** A program with what the reference engine gave and how far each element may be off. */
export function encodeCase(program: Program, { reference, noisy }: Examined): EncodedCase {
  const results = reference.snapshots.flatMap((s, i) => {
    if ('error' in s) return [];
    const moved = noisy.flatMap((n) => {
      const m = n.snapshots[i];
      return m !== undefined && 'data' in m ? [m] : [];
    });
    const allowed = toleranceOf(s, moved);
    return [
      {
        of: s.of,
        ...encodeSnapshot(s),
        allowed: Array.from({ length: s.data.length }, (_, k) =>
          moved.length < noisy.length ? null : allowed(k),
        ),
      },
    ];
  });
  const thrown =
    reference.thrown === null
      ? null
      : {
          step: reference.thrown.step,
          error: `${reference.thrown.error.name}: ${reference.thrown.error.message}`,
        };
  return { program, results, thrown };
}
