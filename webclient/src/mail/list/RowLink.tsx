import { Link } from '@tanstack/react-router';

import type { Scope } from '@/mail/scope';
import { Skeleton } from '@/parts';

/** A true link, so that it can be opened in another tab. The row itself has the tab stop. */
export function RowLink({
  scope,
  threadId,
  current,
  children,
}: {
  scope: Scope;
  threadId: string;
  current: boolean;
  children: React.ReactNode;
}) {
  const shared = {
    tabIndex: -1,
    draggable: false,
    className: 'block outline-none after:absolute after:inset-0',
    'data-current': current,
    // The row follows a plain click: a draft is opened for writing. Prevented, the link itself does nothing.
    onClick: (event: React.MouseEvent) => {
      if (!event.ctrlKey && !event.metaKey) event.preventDefault();
    },
  };
  if (scope.kind === 'search') {
    return (
      <Link to="/search/$thread" params={{ thread: threadId }} search={{ q: scope.q }} {...shared}>
        {children}
      </Link>
    );
  }
  const mailbox = scope.kind === 'mailbox' ? (scope.mailbox.role ?? scope.mailbox.id) : scope.kind;
  return (
    <Link to="/mail/$mailbox/$thread" params={{ mailbox, thread: threadId }} {...shared}>
      {children}
    </Link>
  );
}

export function RowSkeleton() {
  return (
    <div className="flex h-full items-center gap-3 border-b border-line/70 ps-3 pe-3">
      <div role="gridcell" className="flex w-full items-center gap-3">
        <Skeleton className="size-8 rounded-full" />
        <span className="flex flex-1 flex-col gap-2">
          <Skeleton className="h-3 w-1/3" />
          <Skeleton className="h-3 w-4/5" />
        </span>
      </div>
    </div>
  );
}
