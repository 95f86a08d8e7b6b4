/**
 * Orders moves that happen at once (what a loop carries into the next round) so that no source is overwritten before it is
 * read. A cycle is cut by saving one of its values in a place of its own.
 */
export interface Move<P> {
  readonly to: P;
  readonly from: P;
}

/** `key` tells places apart; places that are not overwritten by any move (constants) may have the key null. */
export function sequence<P>(
  moves: readonly Move<P>[],
  key: (p: P) => string | number | null,
  save: P,
): readonly Move<P>[] {
  const pending = moves.filter((m) => key(m.to) !== key(m.from));
  const out: Move<P>[] = [];
  const readers = new Map<string | number, number>();
  for (const m of pending) {
    const k = key(m.from);
    if (k !== null) readers.set(k, (readers.get(k) ?? 0) + 1);
  }
  const waiting: Move<P>[] = pending;
  while (waiting.length > 0) {
    let progress = false;
    for (let i = 0; i < waiting.length; ) {
      const m = waiting[i];
      if ((readers.get(key(m.to) ?? '') ?? 0) > 0) {
        i++;
        continue;
      }
      out.push(m);
      const k = key(m.from);
      if (k !== null) readers.set(k, (readers.get(k) ?? 1) - 1);
      waiting[i] = waiting[waiting.length - 1];
      waiting.pop();
      progress = true;
    }
    if (progress) continue;
    const cut = waiting[0];
    out.push({ to: save, from: cut.from });
    const k = key(cut.from);
    for (let i = 0; i < waiting.length; i++) {
      if (key(waiting[i].from) === k) waiting[i] = { to: waiting[i].to, from: save };
    }
    if (k !== null) readers.set(k, 0);
    const saved = key(save);
    if (saved !== null) readers.set(saved, 1);
  }
  return out;
}
