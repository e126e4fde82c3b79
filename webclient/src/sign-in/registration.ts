// Whether and where accounts can be made here.
import { useQuery } from '@tanstack/react-query';

import { apiV1 } from '@/api/v1';

interface RegistrationInfo {
  mode: 'off' | 'invite' | 'open';
  /** Where accounts are made; an invite may say another. */
  domain: string;
  shortestPassword: number;
}

export function useRegistration() {
  return useQuery({
    queryKey: ['registration'],
    queryFn: ({ signal }) => apiV1<RegistrationInfo>('GET', '/registration', { signal }),
  });
}

/** The domain that an invite is for. Rejects with a Problem of 404 when it does not hold. */
export function useInvite(token: string) {
  return useQuery({
    queryKey: ['registration', 'invite', token],
    queryFn: ({ signal }) =>
      apiV1<{ domain: string; expires: string }>('GET', '/registration/invite', {
        query: { token },
        signal,
      }),
    enabled: token !== '',
  });
}
