import { type ReactNode, useId } from 'react';

import { cx } from './cx';

/** A part of a page of settings: a heading, and a framed group under it. */
export function Section({
  title,
  text,
  children,
  actions,
  bare,
}: {
  title: string;
  text?: ReactNode;
  children: ReactNode;
  /** Buttons beside the heading. */
  actions?: ReactNode;
  /** The children bring their own frame. */
  bare?: boolean;
}) {
  const id = useId();
  return (
    <section aria-labelledby={id} className="flex flex-col gap-3">
      <header className="flex flex-wrap items-end justify-between gap-x-4 gap-y-2">
        <div className="min-w-0 flex-1 basis-64">
          <h2 id={id} className="text-lg font-semibold">
            {title}
          </h2>
          {text !== undefined && <p className="text-muted">{text}</p>}
        </div>
        {actions !== undefined && <div className="flex flex-wrap gap-2">{actions}</div>}
      </header>
      <div
        className={cx(
          'flex flex-col',
          !bare && 'gap-4 rounded-xl border border-line bg-surface p-4 dark:bg-raised/40',
        )}
      >
        {children}
      </div>
    </section>
  );
}

/** A framed list; its rows are `Row`. */
export function Rows({ label, children }: { label: string; children: ReactNode }) {
  return (
    <ul
      aria-label={label}
      className="divide-y divide-line overflow-hidden rounded-xl border border-line bg-surface dark:bg-raised/40"
    >
      {children}
    </ul>
  );
}

/** A thing of a list: a line, what is known of it under the line, and what can be done with it. */
export function Row({
  icon,
  title,
  badges,
  text,
  actions,
  children,
}: {
  icon?: ReactNode;
  title: ReactNode;
  badges?: ReactNode;
  text?: ReactNode;
  actions?: ReactNode;
  children?: ReactNode;
}) {
  return (
    <li className="px-4 py-2.5">
      <div className="flex min-h-9 flex-wrap items-center gap-x-3 gap-y-2">
        {icon !== undefined && <span className="shrink-0 text-muted">{icon}</span>}
        <div className="min-w-0 flex-1 basis-36">
          <p className="flex flex-wrap items-center gap-x-2 gap-y-1">
            <span className="min-w-0 font-medium wrap-anywhere" dir="auto">
              {title}
            </span>
            {badges}
          </p>
          {text !== undefined && <div className="text-sm text-muted wrap-anywhere">{text}</div>}
        </div>
        {actions !== undefined && <div className="flex shrink-0 gap-1">{actions}</div>}
      </div>
      {children}
    </li>
  );
}

const TONES = {
  plain: 'bg-sunken text-muted',
  good: 'bg-success-soft text-success',
  warn: 'bg-warn-soft text-warn',
  bad: 'bg-danger-soft text-danger',
  accent: 'bg-accent-soft text-accent-ink',
};

/** A word about a thing, in a tone. */
export function Badge({
  tone = 'plain',
  children,
}: {
  tone?: keyof typeof TONES;
  children: ReactNode;
}) {
  return (
    <span
      className={cx('rounded-full px-2 py-0.5 text-xs font-medium whitespace-nowrap', TONES[tone])}
    >
      {children}
    </span>
  );
}
