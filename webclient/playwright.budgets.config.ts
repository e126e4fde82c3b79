// The budgets that need a browser, measured one after the other: `npm run budgets`. Not part of CI: what a
// shared machine does beside it would be measured too. CONVERSATIONS sets how large the folder is.
import { defineConfig } from '@playwright/test';

import journeys from './playwright.config';

export default defineConfig({
  ...journeys,
  testDir: 'budgets',
  workers: 1,
  fullyParallel: false,
  timeout: 900_000,
  reporter: [['list']],
  use: { ...journeys.use, trace: 'off' },
});
