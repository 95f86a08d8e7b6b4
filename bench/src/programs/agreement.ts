/** Whether what two programs noted is the same. */
import type { Notes } from './session.js';

/** Null if they agree, else the first place where they do not. */
export function disagreement(own: Notes, theirs: Notes, tolerance: number): string | null {
  const names = new Set([...Object.keys(own), ...Object.keys(theirs)]);
  for (const name of names) {
    const [got, want] = [own[name], theirs[name]];
    if (got === undefined) return `${name} was not noted`;
    if (want === undefined) return `${name} was noted, and not by PyTorch`;
    if (got.length !== want.length) return `${name}: ${got.length} numbers, PyTorch has ${want.length}`;
    const largest = want.reduce((most, x) => (Number.isFinite(x) ? Math.max(most, Math.abs(x)) : most), 1e-3);
    for (let i = 0; i < got.length; i++) {
      if (Object.is(got[i], want[i]) || got[i] === want[i]) continue;
      // Negated, so that NaN against a number fails as well.
      if (!(Math.abs(got[i] - want[i]) <= tolerance * largest))
        return `${name}[${i}] is ${got[i]}, PyTorch has ${want[i]}`;
    }
  }
  return null;
}
