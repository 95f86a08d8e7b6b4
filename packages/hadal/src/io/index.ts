/** Files of models, checkpoints and images. */

export type {
  CheckpointContent,
  CheckpointInfo,
  LoadCheckpointOptions,
  LoadedCheckpoint,
  SaveCheckpointOptions,
} from './checkpoint.js';
export { listCheckpoints, loadCheckpoint, saveCheckpoint } from './checkpoint.js';
export type { Prediction } from './classify.js';
export { classifyImages, imagesToInput } from './classify.js';
export type { Image, ReadImageOptions } from './image.js';
export { readImage, readImageFile } from './image.js';
export type { ConvertOptions } from './image-ops.js';
export { convertImage, imageToTensor, resizeImage } from './image-ops.js';
export type { Json, JsonObject } from './json.js';
export type { ImageInput, LoadedModel, ModelInfo, SaveModelOptions } from './model.js';
export { loadModel, saveModel } from './model.js';
export type { DecodeOptions, Metadata, NamedTensors, Safetensors } from './safetensors.js';
export {
  decodeSafetensors,
  encodeSafetensors,
  load,
  loadSafetensors,
  save,
  saveSafetensors,
} from './safetensors.js';
