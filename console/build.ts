/**
 * How the console's files are made: Vite, from here into a folder. Who wants them calls tools/build-console.ts, which knows when there is
 * nothing to do.
 *
 * The hard thing is the strict content security policy that they are served under: no inline script may come out of the build (the module
 * preload's polyfill would be one) and nothing may become a `data:` address.
 */
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { build, type InlineConfig } from 'vite';

const here = dirname(fileURLToPath(import.meta.url));

function configuration(outDir: string): InlineConfig {
  return {
    configFile: false,
    root: here,
    base: '/',
    logLevel: 'warn',
    plugins: [react()],
    build: {
      outDir,
      emptyOutDir: true,
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      target: 'es2023',
      sourcemap: false,
      reportCompressedSize: false,
      chunkSizeWarningLimit: 1_000,
      // What others wrote stays the same from one version of ours to the next, and is kept by the browser; together it compresses better.
      rolldownOptions: { output: { codeSplitting: { groups: [{ name: 'libraries', test: /node_modules/ }] } } },
    },
  };
}

/** @throws Error with Vite's words where it cannot be built */
export async function bundleInto(outDir: string): Promise<void> {
  await build(configuration(outDir));
}
