/** The tensors of a safetensors file, from its header alone. */
import { numel, showShape } from '../base/shape.js';
import type { System } from '../io/files.js';
import { readSafetensorsHeader } from '../io/safetensors.js';
import type { TensorEntry } from '../io/safetensors-header.js';
import type { Info } from './info.js';
import { bytes, plain, plural, table } from './text.js';

export async function readSafetensorsInfo(system: System, path: string): Promise<Info> {
  const { entries, metadata, bytes: size } = await readSafetensorsHeader(system, path);
  const elements = elementsOf(entries);
  const json = {
    kind: 'safetensors',
    bytes: size,
    elements,
    metadata: Object.fromEntries(metadata),
    tensors: entries.map(({ name, dtype, shape, begin, end }) => ({
      name,
      dtype,
      shape,
      bytes: end - begin,
    })),
  };
  const about = [...metadata].map(([key, value]) => [`  ${plain(key)}`, plain(value)]);
  const text = [
    `safetensors, ${bytes(size)}, ${plural(entries.length, 'tensor')}, ${plural(elements, 'element')}`,
    ...(about.length > 0 ? [table(about)] : []),
    tensorTable(entries),
  ];
  return { json, text: text.filter((part) => part !== '').join('\n') };
}

export function elementsOf(entries: readonly TensorEntry[]): number {
  return entries.reduce((sum, { shape }) => sum + numel(shape), 0);
}

export function tensorTable(entries: readonly TensorEntry[]): string {
  return table(
    entries.map(({ name, dtype, shape, begin, end }) => [
      plain(name),
      dtype,
      showShape(shape),
      bytes(end - begin),
    ]),
    '  ',
  );
}
