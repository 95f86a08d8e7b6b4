/** Settings that change behaviour. They are plain fields; no environment variable is ever read. */
export const config = {
  /** Realise after every op and remember the user's line of each, so that errors point at it. Slow; for finding bugs. */
  debug: false,
  /**
   * How many tensors of this process remember the line that made them (one stack trace each, about 2 microseconds). The
   * lines are shown by `StaleValueError`. `Infinity` keeps them for every tensor.
   */
  tracedTensors: 4096,
  /** A pending graph of more nodes than this runs by itself. */
  pendingNodes: 20_000,
  /** A pending graph whose results take more bytes than this runs by itself. */
  pendingBytes: 1 << 30,
};
