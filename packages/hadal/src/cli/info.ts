/** `hadal info`: what is in a file or a folder. */
import { FileError, FormatError } from '../base/errors.js';
import { attempt, nodeSystem, readingFile, type System } from '../io/files.js';
import { isJpeg } from '../io/jpeg.js';
import { isPng } from '../io/png.js';
import { readIdxInfo, readImageInfo } from './info-data.js';
import { readFolderInfo } from './info-folder.js';
import { readSafetensorsInfo } from './info-safetensors.js';
import { readArguments, UsageError, type Verb } from './verb.js';

/** What was found, for programs and for people. */
export interface Info {
  readonly json: { readonly kind: string; readonly [name: string]: unknown };
  readonly text: string;
}

export const info: Verb = {
  name: 'info',
  summary: 'what is in a safetensors, IDX, PNG or JPEG file, a checkpoint or a run folder',
  help: `Shows what is in files and folders.

Usage: hadal info PATH... [--json]

PATH is a safetensors file (names, dtypes and shapes of its tensors), an IDX file, a PNG or JPEG image,
a checkpoint, or the folder of a run or a saved model.

  --json   as JSON, one object a path
`,
  async run(args, output) {
    const { values, positionals } = readArguments(args, { json: { type: 'boolean' } });
    if (positionals.length === 0) throw new UsageError('info needs the path of a file or folder');
    const system = nodeSystem('info');
    let failed = false;
    for (const [i, path] of positionals.entries()) {
      try {
        const { json, text } = await infoOf(system, path);
        if (values.json) output.line(JSON.stringify({ path, ...json }));
        else output.line(`${i > 0 ? '\n' : ''}${path}: ${text}`);
      } catch (error) {
        if (!(error instanceof FormatError || error instanceof FileError)) throw error;
        failed = true;
        output.error(`hadal: ${error.message}`);
      }
    }
    return failed ? 1 : 0;
  },
};

async function infoOf(system: System, path: string): Promise<Info> {
  const status = await attempt('read', path, () => system.files.stat(path));
  if (status.isDirectory()) return readFolderInfo(system, path);
  const start = await readingFile(system, path, null, (source) => source.next(Math.min(16, source.bytes)));
  if (isPng(start) || isJpeg(start)) return readImageInfo(system, path);
  // A safetensors header begins with { behind its length.
  if (start[8] === 0x7b) return readSafetensorsInfo(system, path);
  if (start.length >= 4 && start[0] === 0 && start[1] === 0) return readIdxInfo(system, path);
  throw new FormatError(
    `${path}: expected a safetensors, IDX, PNG or JPEG file, found ${status.size === 0 ? 'an empty file' : 'something else'}`,
  );
}
