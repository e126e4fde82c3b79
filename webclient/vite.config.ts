import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import tailwindcss from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

// While developing: the address of a running server (`mailsys local`), whose API the dev server passes on.
const server = process.env['MAILSYS_SERVER'] ?? 'http://127.0.0.1:8080';

const WORKER = 'sw';

/** Tells the service worker what the client consists of. Other files, another version. */
function shellOfWorker(): Plugin {
  return {
    name: 'shell-of-worker',
    apply: 'build',
    enforce: 'post',
    generateBundle(_, bundle) {
      const worker = bundle[`${WORKER}.js`];
      if (worker?.type !== 'chunk') throw new Error('The service worker was not built');
      const hash = createHash('sha256').update(worker.code);
      const built = Object.keys(bundle).filter((name) => name !== worker.fileName && !name.startsWith('.')); // prettier-ignore
      const index = bundle['index.html'];
      if (index?.type === 'asset') hash.update(index.source);
      const folder = fileURLToPath(new URL('./public/', import.meta.url));
      const fixed = readdirSync(folder).sort();
      for (const name of fixed) hash.update(name).update(readFileSync(folder + name));
      const files = [...built, ...fixed].map((name) => `/${name}`).sort();
      const version = hash.update(files.join()).digest('hex').slice(0, 16);
      const shell = JSON.stringify(JSON.stringify({ version, files }));
      worker.code = worker.code.replace(/(["'`])__SHELL__\1/, () => shell);
    },
  };
}

export default defineConfig({
  plugins: [react(), tailwindcss(), shellOfWorker()],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  build: {
    outDir: '../mailsys/web/static', // in the package, so that the wheel carries it
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0, // the policy of the page allows nothing inline
    modulePreload: { polyfill: false },
    manifest: true,
    chunkSizeWarningLimit: 700,
    rolldownOptions: {
      input: { index: 'index.html', [WORKER]: 'src/worker/main.ts' },
      output: {
        // The browser looks for a new version of the worker under the name of the old one.
        entryFileNames: ({ name }) => (name === WORKER ? '[name].js' : 'assets/[name]-[hash].js'),
      },
    },
  },
  server: {
    proxy: {
      // The Host stays: the server refuses requests whose Origin is another.
      '/api': { target: server, changeOrigin: false },
      '/jmap': { target: server, changeOrigin: false, ws: true },
    },
  },
  test: {
    environment: 'jsdom',
    include: ['src/**/*.test.{ts,tsx}'],
    setupFiles: ['src/test-setup.ts'],
    restoreMocks: true,
  },
});
