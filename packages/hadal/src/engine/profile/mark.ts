/** Naming parts of a program for the profiler. */
import { beginMark } from './recorder.js';

/** Runs a function; while a profile records, its name and time stand in the report. Its own result, or promise, is passed on. */
export function mark<T>(name: string, body: () => T): T {
  const end = beginMark(name);
  if (end === null) return body();
  let result: T;
  try {
    result = body();
  } catch (error) {
    end();
    throw error;
  }
  if (result instanceof Promise) return result.finally(end) as T;
  end();
  return result;
}
