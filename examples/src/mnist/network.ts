/** The network: two convolutions and two linear layers. */
import { nn } from 'hadal';

/** [N, 1, 28, 28] images in, [N, 10] logits out. */
export function makeNetwork(): nn.Sequential {
  return new nn.Sequential(
    new nn.Conv2d(1, 32, 3),
    new nn.ReLU(),
    new nn.Conv2d(32, 64, 3),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Dropout(0.25),
    new nn.Flatten(),
    new nn.Linear(9216, 128),
    new nn.ReLU(),
    new nn.Dropout(0.25),
    new nn.Linear(128, 10),
  );
}

export const architecture = 'conv 3x3 1-32-64, max-pool 2, linear 9216-128-10, ReLU, dropout';
