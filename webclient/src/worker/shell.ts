// The client's own files, kept so that it starts without a network. Nothing of mail passes through here:
// requests to the API are not answered by the worker at all.
import { worker } from './scope';

/** The build puts the version's name and files here (vite.config.ts). */
const BUILT = '__SHELL__';
const NAME = 'shell-';
const PATIENCE = 4000; // milliseconds until a page that we have is shown instead of one that does not come

const NOT_OURS = /^\/(api|jmap|health|\.well-known)\//;

interface Shell {
  version: string;
  files: string[];
}

const { version, files } = JSON.parse(BUILT) as Shell;
const own = () => worker.caches.open(NAME + version);
const known = new Set(files);

/** Answers from what is kept, or leaves the request to the browser. */
export function serveShell(): void {
  worker.addEventListener('install', (event) => {
    event.waitUntil(install());
  });
  worker.addEventListener('activate', (event) => {
    event.waitUntil(tidy().then(() => worker.clients.claim()));
  });
  worker.addEventListener('fetch', (event) => {
    const { request } = event;
    const url = new URL(request.url);
    if (request.method !== 'GET' || url.origin !== worker.location.origin) return;
    if (NOT_OURS.test(url.pathname)) return;
    if (url.pathname.startsWith('/assets/')) event.respondWith(kept(request));
    else if (known.has(url.pathname)) event.respondWith(fresh(request, url.pathname));
    else if (request.mode === 'navigate') event.respondWith(fresh(request, '/index.html'));
  });
}

async function install(): Promise<void> {
  const cache = await own();
  await cache.addAll(
    // What has its content in its name may come from the browser's cache, the rest may not.
    files.map((path) =>
      path.startsWith('/assets/') ? path : new Request(path, { cache: 'reload' }),
    ),
  );
  // Pages come from the network while there is one, so nothing waits for the old pages to close.
  await worker.skipWaiting();
}

/** The version before stays: pages of it are still open and may want its parts. */
async function tidy(): Promise<void> {
  const names = (await worker.caches.keys()).filter((name) => name.startsWith(NAME));
  const others = names.filter((name) => name !== NAME + version);
  await Promise.all(others.slice(0, -1).map((name) => worker.caches.delete(name)));
}

/** A part whose name is its content. */
async function kept(request: Request): Promise<Response> {
  return (await worker.caches.match(request.url)) ?? fetch(request);
}

/** From the server, so that a new version is taken at once; what is kept, when it cannot be had. */
async function fresh(request: Request, path: string): Promise<Response> {
  const coming = fetch(request);
  const cached = await (await own()).match(path);
  if (!cached) return coming;
  const tired = new Promise<null>((resolve) => setTimeout(() => resolve(null), PATIENCE));
  const answer = await Promise.race([coming, tired]).catch(() => null);
  return answer && answer.status < 500 ? answer : cached;
}
