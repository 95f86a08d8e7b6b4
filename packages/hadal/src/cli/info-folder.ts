/** Checkpoints, runs and saved models. */
import { FormatError } from '../base/errors.js';
import { type CheckpointInfo, listCheckpoints } from '../io/checkpoint.js';
import { decodeManifest, manifestFile, maxManifestBytes, modelFile } from '../io/checkpoint-manifest.js';
import { readWhole, type System } from '../io/files.js';
import { isObject, type Json } from '../io/json.js';
import { modelDescription, readModelDescription, weightsFile } from '../io/model.js';
import { readSafetensorsHeader } from '../io/safetensors.js';
import type { Info } from './info.js';
import { elementsOf, tensorTable } from './info-safetensors.js';
import { bytes, count, plain, plural, table } from './text.js';

export async function readFolderInfo(system: System, path: string): Promise<Info> {
  const names = await system.files.readdir(path);
  if (names.includes(manifestFile)) return checkpointInfo(system, path);
  const checkpoints = await listCheckpoints(path);
  if (checkpoints.length > 0 || names.includes(modelDescription))
    return runInfo(system, path, names, checkpoints);
  throw new FormatError(
    `${path}: expected a checkpoint (with ${manifestFile}) or a run (with checkpoints or ${modelDescription}), found neither`,
  );
}

async function checkpointInfo(system: System, path: string): Promise<Info> {
  const manifest = system.paths.join(path, manifestFile);
  const { step, savedAt, files, state } = decodeManifest(
    await readWhole(system, manifest, maxManifestBytes),
    manifest,
  );
  const { entries } = await readSafetensorsHeader(system, system.paths.join(path, modelFile));
  const parameters = elementsOf(entries);
  const size = [...files.values()].reduce((sum, file) => sum + file.bytes, 0);
  const facts = stateFacts(state);
  const rows = [
    ['step', count(step)],
    ...(facts.epoch === undefined ? [] : [['epoch', count(facts.epoch)]]),
    ['saved', savedAt],
    ['size', bytes(size)],
    ['parameters', count(parameters)],
    ...metricRows(facts.metrics),
  ];
  return {
    json: {
      kind: 'checkpoint',
      step,
      savedAt,
      bytes: size,
      parameters,
      ...facts,
      tensors: entries.map(({ name, dtype, shape }) => ({ name, dtype, shape })),
    },
    text: `checkpoint of step ${count(step)}\n${table(rows, '  ')}\n\n${tensorTable(entries)}`,
  };
}

async function runInfo(
  system: System,
  path: string,
  names: readonly string[],
  checkpoints: readonly CheckpointInfo[],
): Promise<Info> {
  const parts: string[] = [];
  const json: { kind: string; [name: string]: unknown } = { kind: 'run' };
  if (names.includes(modelDescription)) {
    const { input, classes, weights } = await readModelDescription(system, path);
    json.model = { input, classes, weights };
    const rows = [
      ...(input === undefined
        ? []
        : [['input', `${input.width} x ${input.height}, ${input.channels === 1 ? 'grey' : 'RGB'}`]]),
      ...(classes === undefined
        ? []
        : [
            [
              'classes',
              `${classes.length}: ${plain(classes.slice(0, 10).join(', '))}${classes.length > 10 ? ', ...' : ''}`,
            ],
          ]),
      ['weights', weights],
    ];
    if (weights === weightsFile) {
      const { entries } = await readSafetensorsHeader(system, system.paths.join(path, weightsFile));
      json.parameters = elementsOf(entries);
      rows.push(['parameters', count(elementsOf(entries))]);
    }
    parts.push(table(rows, '  '));
  }
  json.checkpoints = checkpoints.map(({ path: at, step, savedAt, bytes: size, problem }) => ({
    path: at,
    step,
    savedAt,
    bytes: size,
    problem,
  }));
  const newest = checkpoints.find(({ problem }) => problem === null);
  if (newest !== undefined) {
    const inside = await checkpointInfo(system, newest.path);
    const { step, epoch, metrics, parameters } = inside.json;
    Object.assign(json, { step, epoch, metrics, parameters });
    parts.push(
      table(
        [
          ['newest', `step ${count(newest.step)}`],
          ...(typeof epoch === 'number' ? [['epoch', count(epoch)]] : []),
          ['parameters', count(Number(parameters))],
          ...metricRows(metrics as Record<string, number> | undefined),
        ],
        '  ',
      ),
    );
  }
  if (checkpoints.length > 0) {
    parts.push(
      table(
        checkpoints.map(({ step, savedAt, bytes: size, problem }) => [
          `step ${count(step)}`,
          problem === null ? savedAt : 'not complete:',
          problem === null ? bytes(size) : plain(problem),
        ]),
        '  ',
      ),
    );
  }
  const what = checkpoints.length === 0 ? 'model' : `run with ${plural(checkpoints.length, 'checkpoint')}`;
  return { json, text: `${what}\n${parts.join('\n\n')}` };
}

interface StateFacts {
  readonly epoch?: number;
  readonly metrics?: Record<string, number>;
}

/** The epoch of a run's state, and the figures of its last one. */
function stateFacts(state: Json): StateFacts {
  if (!isObject(state)) return {};
  const { epoch, history } = state;
  const figures = isObject(history) && isObject(history.figures) ? history.figures : {};
  const metrics = Object.fromEntries(
    Object.entries(figures).flatMap(([name, values]): [string, number][] => {
      const last: unknown = Array.isArray(values) ? values.at(-1) : undefined;
      return typeof last === 'number' ? [[name, last]] : [];
    }),
  );
  return {
    ...(typeof epoch === 'number' ? { epoch } : {}),
    ...(Object.keys(metrics).length > 0 ? { metrics } : {}),
  };
}

function metricRows(metrics: Readonly<Record<string, number>> | undefined): string[][] {
  return Object.entries(metrics ?? {}).map(([name, value]) => [
    plain(name),
    String(Number(value.toPrecision(5))),
  ]);
}
