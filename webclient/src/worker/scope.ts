// What of a service worker's global scope is used here; the project's types are those of pages.

interface LifeEvent extends Event {
  waitUntil: (work: Promise<unknown>) => void;
}

interface AskedEvent extends LifeEvent {
  readonly request: Request;
  respondWith: (answer: Promise<Response>) => void;
}

interface PushedEvent extends LifeEvent {
  readonly data: { json: () => unknown } | null;
}

interface ClickedEvent extends LifeEvent {
  readonly notification: Notification;
}

interface WindowOfOurs {
  readonly focused: boolean;
  focus: () => Promise<unknown>;
  postMessage: (message: unknown) => void;
}

interface WorkerEvents {
  install: LifeEvent;
  activate: LifeEvent;
  fetch: AskedEvent;
  push: PushedEvent;
  notificationclick: ClickedEvent;
}

interface WorkerScope {
  readonly caches: CacheStorage;
  readonly location: Location;
  readonly registration: ServiceWorkerRegistration;
  readonly clients: {
    claim: () => Promise<void>;
    matchAll: (options: { type: 'window' }) => Promise<WindowOfOurs[]>;
    openWindow: (path: string) => Promise<unknown>;
  };
  skipWaiting: () => Promise<void>;
  addEventListener: <K extends keyof WorkerEvents>(
    type: K,
    run: (event: WorkerEvents[K]) => void,
  ) => void;
}

export const worker = globalThis as unknown as WorkerScope;
