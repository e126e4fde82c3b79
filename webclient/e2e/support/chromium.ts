import { existsSync } from 'node:fs';

/** Debian's; nothing is downloaded. `CHROMIUM` names another one. */
export const CHROMIUM =
  process.env['CHROMIUM'] ??
  ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((each) =>
    existsSync(each),
  ) ??
  '/usr/bin/chromium';

export const FLAGS = [
  '--no-sandbox', // CI runs as root
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
