// The service worker of this page, where the browser has such a thing.

/** Not while developing: there files change without a new version. */
export function startWorker(): void {
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return;
  // After what the page itself needs.
  window.addEventListener('load', () => {
    navigator.serviceWorker.register('/sw.js').catch(() => undefined); // it works without, online
  });
}
