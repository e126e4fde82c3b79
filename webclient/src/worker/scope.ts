// What of a service worker's global scope is used here; the project's types are those of pages.

interface LifeEvent extends Event {
  waitUntil: (work: Promise<unknown>) => void;
}

interface AskedEvent extends LifeEvent {
  readonly request: Request;
  respondWith: (answer: Promise<Response>) => void;
}

interface WorkerEvents {
  install: LifeEvent;
  activate: LifeEvent;
  fetch: AskedEvent;
}

interface WorkerScope {
  readonly caches: CacheStorage;
  readonly location: Location;
  readonly clients: { claim: () => Promise<void> };
  skipWaiting: () => Promise<void>;
  addEventListener: <K extends keyof WorkerEvents>(
    type: K,
    run: (event: WorkerEvents[K]) => void,
  ) => void;
}

export const worker = globalThis as unknown as WorkerScope;
