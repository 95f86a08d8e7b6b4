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
  const out: Move<P>[] = [];
  const waiting: Move<P>[] = [];
  // Of each waiting move, what it overwrites and what it reads.
  const written: (string | number | null)[] = [];
  const read: (string | number | null)[] = [];
  for (let i = 0; i < moves.length; i++) {
    const to = key(moves[i].to);
    const from = key(moves[i].from);
    if (to === from) continue;
    waiting.push(moves[i]);
    written.push(to);
    read.push(from);
  }
  while (waiting.length > 0) {
    let progress = false;
    for (let i = 0; i < waiting.length; ) {
      const place = written[i];
      if (place !== null && read.includes(place)) {
        i++;
        continue;
      }
      out.push(waiting[i]);
      const last = waiting.length - 1;
      waiting[i] = waiting[last];
      written[i] = written[last];
      read[i] = read[last];
      waiting.pop();
      written.pop();
      read.pop();
      progress = true;
    }
    if (progress) continue;
    const cut = read[0];
    out.push({ to: save, from: waiting[0].from });
    for (let i = 0; i < waiting.length; i++) {
      if (read[i] !== cut) continue;
      waiting[i] = { to: waiting[i].to, from: save };
      read[i] = key(save);
    }
  }
  return out;
}
