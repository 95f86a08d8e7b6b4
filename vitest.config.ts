/**
 * Tests run against the sources: `hadal` and its subpaths resolve to packages/hadal/src, so no build comes first and a
 * failure points at the line that people edit.
 */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import type { Reporter, TestModule } from 'vitest/node';

const source = (path: string) => fileURLToPath(new URL(`./packages/hadal/src/${path}`, import.meta.url));

/** Says at the end which tests did not run, and why where they told; a count alone is easily overlooked. */
const skippedTests: Reporter = {
  onTestRunEnd(modules: readonly TestModule[]) {
    const skipped = modules.flatMap((module) =>
      [...module.children.allTests('skipped')].map((test) => {
        const result = test.result();
        const note = result.state === 'skipped' && result.note ? ` (${result.note})` : '';
        return `  ${module.relativeModuleId}: ${test.fullName}${note}`;
      }),
    );
    if (skipped.length === 0) return;
    const shown = skipped.slice(0, 40);
    const rest = skipped.length - shown.length;
    console.log(['Skipped:', ...shown, ...(rest > 0 ? [`  and ${rest} more`] : []), ''].join('\n'));
  },
};

export default defineConfig({
  resolve: {
    alias: [
      { find: /^hadal$/, replacement: source('index.ts') },
      { find: /^hadal\/(.+)$/, replacement: source('$1/index.ts') },
    ],
  },
  test: {
    include: ['packages/*/test/**/*.test.ts', 'examples/test/**/*.test.ts', 'bench/test/**/*.test.ts'],
    reporters: ['default', skippedTests],
    // One process a file: an engine is process-wide state, and a crash in generated code then fails one file only.
    pool: 'forks',
    testTimeout: 15_000,
    hookTimeout: 30_000,
  },
});
