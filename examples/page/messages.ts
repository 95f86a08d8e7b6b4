/** What the page and its trainer say to each other. */

/** The page asks for a training run. Stopping is ending the worker. */
export interface Start {
  readonly epochs: number;
  /** Training images; 60,000 are all. */
  readonly images: number;
  /** Images that the accuracy is measured on after each epoch; 10,000 are all. */
  readonly testImages: number;
  /** Threads, or null for as many as there are cores. */
  readonly threads: number | null;
}

export type Message =
  | { readonly kind: 'ready'; readonly engine: string; readonly threads: number; readonly isolated: boolean }
  | {
      readonly kind: 'step';
      readonly epoch: number;
      readonly step: number;
      readonly steps: number;
      readonly loss: number;
      /** Of the images since the last message. */
      readonly imagesPerSecond: number;
    }
  | { readonly kind: 'epoch'; readonly epoch: number; readonly accuracy: number; readonly of: number }
  | { readonly kind: 'done'; readonly imagesPerSecond: number; readonly seconds: number }
  | { readonly kind: 'failed'; readonly message: string };
