// Journeys in Debian's Chromium against the real server: each worker starts a `mailsys local` of its own.
import { defineConfig } from '@playwright/test';

import { CHROMIUM, FLAGS } from './e2e/support/chromium';

const ci = process.env['CI'] !== undefined;

export default defineConfig({
  testDir: 'e2e',
  outputDir: 'test-results',
  testMatch: '**/*.spec.ts',
  fullyParallel: true,
  forbidOnly: ci,
  workers: 2,
  retries: ci ? 2 : 0, // a shared machine stands still for seconds at times; what is wrong fails thrice
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: ci ? [['dot']] : [['list']],
  use: {
    browserName: 'chromium',
    serviceWorkers: 'block', // what they answer cannot be watched; the journeys about them allow them
    headless: true,
    locale: 'en-US',
    timezoneId: 'Europe/Berlin',
    colorScheme: 'light',
    viewport: { width: 1440, height: 900 },
    actionTimeout: 10_000,
    trace: 'retain-on-failure',
    launchOptions: { executablePath: CHROMIUM, args: FLAGS },
  },
});
