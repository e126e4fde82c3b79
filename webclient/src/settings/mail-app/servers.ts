// Where mail programs connect to.
import { useQuery } from '@tanstack/react-query';

import { apiV1 } from '@/api/v1';

export interface MailServer {
  service: 'imap' | 'smtp';
  host: string;
  port: number;
  security: 'tls' | 'starttls';
}

export function useMailServers() {
  return useQuery({
    queryKey: ['settings-page', 'mail-servers'],
    queryFn: async ({ signal }) =>
      (await apiV1<{ servers: MailServer[] }>('GET', '/mail-servers', { signal })).servers,
  });
}
