/** Dropout as layers: active while training. */
import type { Tensor } from '../../tensor/index.js';
import type { Config } from '../config/json.js';
import {
  alphaDropout,
  checkProbability,
  dropout,
  dropout1d,
  dropout2d,
  dropout3d,
  featureAlphaDropout,
} from '../functional/dropout.js';
import { Module } from '../module.js';

abstract class Dropping extends Module {
  readonly p: number;

  constructor(p = 0.5) {
    super();
    this.p = checkProbability(this.constructor.name, p);
  }

  override config(): Config {
    return { p: this.p };
  }
}

/** Zeroes elements with probability p; see `functional.dropout`. */
export class Dropout extends Dropping {
  override forward(x: Tensor): Tensor {
    return dropout(x, this.p, { training: this.training });
  }
}

/** Zeroes whole channels of [N, C, L] or [C, L]. */
export class Dropout1d extends Dropping {
  override forward(x: Tensor): Tensor {
    return dropout1d(x, this.p, { training: this.training });
  }
}

/** Zeroes whole channels of [N, C, H, W] or [C, H, W]. */
export class Dropout2d extends Dropping {
  override forward(x: Tensor): Tensor {
    return dropout2d(x, this.p, { training: this.training });
  }
}

/** Zeroes whole channels of [N, C, D, H, W] or [C, D, H, W]. */
export class Dropout3d extends Dropping {
  override forward(x: Tensor): Tensor {
    return dropout3d(x, this.p, { training: this.training });
  }
}

/** Dropout that keeps mean and variance of SELU activations. */
export class AlphaDropout extends Dropping {
  override forward(x: Tensor): Tensor {
    return alphaDropout(x, this.p, { training: this.training });
  }
}

/** As `AlphaDropout`, of whole channels of [N, C, ...]. */
export class FeatureAlphaDropout extends Dropping {
  override forward(x: Tensor): Tensor {
    return featureAlphaDropout(x, this.p, { training: this.training });
  }
}
