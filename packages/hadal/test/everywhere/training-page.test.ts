/** The page that trains on MNIST learns something, in Chromium. */
import { describe, expect, it } from 'vitest';
import { findChromium, trainingFiles, trainOnPage } from './training-page.js';

const chromium = findChromium();

describe.skipIf(chromium === null)(
  `the training page${chromium ? '' : ' (skipped: no Chromium in PATH)'}`,
  () => {
    it('trains on threads, and says how it goes', async () => {
      const training = await trainOnPage(chromium ?? '', await trainingFiles(), {
        isolated: true,
        images: 1280,
        test: 500,
      });
      expect(training.threads).toBe(2);
      expect(training.losses.length).toBe(10);
      expect(training.losses[0]).toBeGreaterThan(2);
      expect(training.losses[9]).toBeLessThan(1.5);
      expect(training.accuracy).toBeGreaterThan(0.5);
      expect(training.imagesPerSecond).toBeGreaterThan(1);
    }, 290_000);
  },
);
