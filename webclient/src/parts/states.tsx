import { CloudOff, TriangleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import { useIntl } from 'react-intl';

import { Offline } from '@/api/problems';

import { Button } from './Button';
import { errorText } from './error-text';
import { cx } from './cx';

/** Nothing is here, and that is fine. */
export function EmptyState({
  icon,
  title,
  text,
  action,
}: {
  icon?: ReactNode;
  title: string;
  text?: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className="flex h-full flex-col items-center justify-center gap-2 p-8 text-center">
      {icon !== undefined && (
        <span className="mb-2 inline-flex size-14 items-center justify-center rounded-full bg-sunken text-muted">
          {icon}
        </span>
      )}
      <p className="text-lg font-medium">{title}</p>
      {text !== undefined && <p className="max-w-sm text-muted">{text}</p>}
      {action}
    </div>
  );
}

/** It could not be loaded: why, and again. */
export function ErrorState({ error, retry }: { error: unknown; retry?: () => void }) {
  const intl = useIntl();
  const offline = error instanceof Offline;
  return (
    <div role="alert" className="h-full">
      <EmptyState
        icon={offline ? <CloudOff size={26} /> : <TriangleAlert size={26} />}
        title={intl.formatMessage({ id: offline ? 'error.offline.title' : 'error.title' })}
        text={errorText(intl, error)}
        action={
          retry && (
            <Button onClick={retry} className="mt-2">
              {intl.formatMessage({ id: 'retry' })}
            </Button>
          )
        }
      />
    </div>
  );
}

/** The place of something that is on its way. */
export function Skeleton({ className }: { className?: string }) {
  return <span aria-hidden className={cx('shimmer block rounded bg-sunken', className)} />;
}

/** A column of skeleton lines, said once as "Loading". */
export function Loading({ lines = 4 }: { lines?: number }) {
  const intl = useIntl();
  return (
    <div role="status" className="flex flex-col gap-3 p-5">
      <span className="sr-only">{intl.formatMessage({ id: 'loading' })}</span>
      {Array.from({ length: lines }, (_, at) => (
        <Skeleton key={at} className={at % 2 === 0 ? 'h-4 w-2/3' : 'h-4 w-11/12'} />
      ))}
    </div>
  );
}
