import { useIntl } from 'react-intl';

import { queryClient } from '@/api/cache';
import { errorText, toast } from '@/parts';

/** Does something at once; a refusal is told. The lists are read again, whatever came of it. */
export function useAct(): (work: () => Promise<unknown>, done?: string) => Promise<void> {
  const intl = useIntl();
  return async (work, done) => {
    try {
      await work();
      if (done !== undefined) toast(done);
    } catch (error) {
      toast(errorText(intl, error), { kind: 'error' });
    }
    await refreshAdmin();
  };
}

export function refreshAdmin(): Promise<void> {
  return queryClient.invalidateQueries({ queryKey: ['admin'] });
}
