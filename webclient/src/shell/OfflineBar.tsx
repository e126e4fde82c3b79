import { CloudOff } from 'lucide-react';
import { useIntl } from 'react-intl';

import { useConnection } from '@/api/live';
import { reconnectNow } from '@/api/sync';
import { useWaiting } from '@/api/writes';

/** Says that what is seen may be old. */
export function OfflineBar() {
  const intl = useIntl();
  const offline = useConnection((state) => state.connection === 'offline');
  const count = useWaiting((state) => state.count);
  return (
    <div role="status" className="print:hidden">
      {offline && (
        <div className="flex min-h-9 flex-wrap items-center justify-center gap-x-3 bg-warn-soft px-4 py-1 text-sm text-warn">
          <CloudOff size={16} aria-hidden />
          <span>
            {intl.formatMessage({ id: 'offline.bar' })}
            {count > 0 && ` ${intl.formatMessage({ id: 'offline.waiting' }, { count })}`}
          </span>
          <button
            type="button"
            onClick={reconnectNow}
            className="font-semibold underline touch:min-h-11"
          >
            {intl.formatMessage({ id: 'offline.connect' })}
          </button>
        </div>
      )}
    </div>
  );
}
