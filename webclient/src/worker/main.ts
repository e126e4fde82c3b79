// The service worker (/sw.js): a bundle of its own that shares nothing with the page.
import { hearPushes } from './push';
import { serveShell } from './shell';

serveShell();
hearPushes();
