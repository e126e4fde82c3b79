import { useIntl } from 'react-intl';

import { Button, errorText } from '@/parts';

import { type Transfer, useTransfer } from './transfer';

/** How far the transfer of a kind is, or how it ended. */
export function TransferState({ kind }: { kind: Transfer['kind'] }) {
  const intl = useIntl();
  const { transfer: found, cancel } = useTransfer();
  if (found?.kind !== kind) return null;
  const { state, done, failed, part } = found;
  const text = intl.formatMessage(
    { id: `settings.data.${kind}.${state}` },
    { done, failed, reason: state === 'failed' ? errorText(intl, found.error) : '' },
  );
  return (
    <div className="flex flex-col gap-2">
      {state === 'running' && (
        <div className="flex items-center gap-3">
          <progress
            aria-label={text}
            value={part}
            max={1}
            className="h-2 min-w-0 flex-1 accent-accent"
          />
          <Button onClick={cancel}>{intl.formatMessage({ id: 'cancel' })}</Button>
        </div>
      )}
      <p role="status" className={state === 'failed' ? 'text-danger' : 'text-muted'}>
        {text}
      </p>
      {found.refused.length > 0 && (
        <details>
          <summary className="text-danger">
            {intl.formatMessage({ id: 'settings.data.refused' }, { count: failed })}
          </summary>
          <ul className="mt-1 max-h-48 overflow-y-auto text-sm">
            {found.refused.map(({ name, why }, at) => (
              <li key={at} className="wrap-anywhere">
                <bdi>{name}</bdi>: {errorText(intl, why)}
              </li>
            ))}
          </ul>
        </details>
      )}
    </div>
  );
}
