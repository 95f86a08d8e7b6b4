#!/usr/bin/env node
// The command `hadal`: what it does is in src/cli.
const { main } = await import('../dist/cli/main.js').catch((error) => {
  if (error?.code !== 'ERR_MODULE_NOT_FOUND') throw error;
  console.error(
    `hadal: ${error.message}\nThe package is not built or not complete. In a clone, run: npm run build`,
  );
  process.exit(1);
});
process.exitCode = await main(process.argv.slice(2));
