import { cx } from './cx';

/** How much of a whole is taken; `label` says it in words. */
export function Meter({ label, used, total }: { label: string; used: number; total: number }) {
  const part = total > 0 ? Math.min(1, used / total) : 0;
  return (
    <div className="flex flex-col gap-1.5">
      <span>{label}</span>
      <div
        role="meter"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={total}
        aria-valuenow={used}
        className="h-2 overflow-hidden rounded-full bg-sunken"
      >
        <div
          className={cx('h-full rounded-full', part > 0.9 ? 'bg-danger' : 'bg-accent')}
          style={{ width: `${Math.max(part * 100, used > 0 ? 1 : 0)}%` }}
        />
      </div>
    </div>
  );
}
