/** What can go wrong in a benchmark run, apart from hadal's own errors. */

/** The command line asks for something there is not. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** A result is not what the peer or an independent formula gives: the figures beside it mean nothing. */
export class MismatchError extends Error {
  override name = 'MismatchError';
}

/** A child process did not start, ended early, or sent what nobody expects. */
export class ChildError extends Error {
  override name = 'ChildError';
}
