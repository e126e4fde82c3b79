// Asks before a page is left on which something was changed.
import { useBlocker } from '@tanstack/react-router';
import { useRef } from 'react';
import { useIntl } from 'react-intl';

import { confirm } from '@/parts';

/** The result goes on without asking: what was changed is saved. */
export function useLeaving(dirty: boolean): (go: () => void) => void {
  const intl = useIntl();
  const free = useRef(false);
  useBlocker({
    shouldBlockFn: async () => {
      if (!dirty || free.current) return false;
      return !(await confirm({
        title: intl.formatMessage({ id: 'people.leave' }),
        text: intl.formatMessage({ id: 'people.leave.text' }),
        confirm: intl.formatMessage({ id: 'people.leave.go' }),
        danger: true,
      }));
    },
    enableBeforeUnload: () => dirty && !free.current,
  });
  return (go) => {
    free.current = true;
    go();
  };
}
