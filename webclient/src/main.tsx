import './theme/tokens.css';

import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';

import { queryClient } from './api/cache';
import { ConfirmHost, MenuHost, ToastHost, TooltipHost } from './parts';
import { router } from './routes';
import { startWorker } from './shell/worker';
import { Text } from './text/Text';

const root = document.getElementById('root');
if (root) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={queryClient}>
        <Text>
          <RouterProvider router={router} />
          <ConfirmHost />
          <MenuHost />
          <ToastHost />
          <TooltipHost />
        </Text>
      </QueryClientProvider>
    </StrictMode>,
  );
}
startWorker();
