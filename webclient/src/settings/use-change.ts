import { useIntl } from 'react-intl';

import { type Settings, updateSettings } from '@/api/settings';
import { errorText, toast } from '@/parts';

/** Changes settings at once; a refusal takes the change back and is told. */
export function useChange(): (change: Partial<Settings>) => void {
  const intl = useIntl();
  return (change) => {
    updateSettings(change).catch((error: unknown) =>
      toast(errorText(intl, error), { kind: 'error' }),
    );
  };
}
