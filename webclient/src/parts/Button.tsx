import type { ComponentProps, ReactNode } from 'react';

import { cx } from './cx';
import { Tooltip } from './Tooltip';

const KINDS = {
  primary: 'bg-accent text-on-accent hover:brightness-110 disabled:opacity-50 font-medium',
  plain: 'bg-transparent text-ink hover:bg-hover disabled:opacity-45',
  outline:
    'bg-surface text-ink border border-line hover:bg-hover disabled:opacity-45 dark:bg-raised',
  soft: 'bg-accent-soft text-accent-ink hover:brightness-97 disabled:opacity-45 font-medium',
  danger: 'bg-danger text-on-danger hover:brightness-110 disabled:opacity-50 font-medium',
};

type ButtonProps = ComponentProps<'button'> & {
  kind?: keyof typeof KINDS;
  icon?: ReactNode;
  /** Work is under way: shown, and not pressed twice. */
  busy?: boolean;
};

export function Button({
  kind = 'outline',
  icon,
  busy,
  className,
  children,
  ...rest
}: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      disabled={rest.disabled === true || busy === true}
      aria-busy={busy}
      className={cx(
        'inline-flex h-9 items-center justify-center gap-2 rounded-lg px-3.5 text-base whitespace-nowrap touch:h-11',
        KINDS[kind],
        className,
      )}
    >
      {busy ? <Spinner /> : icon}
      {children}
    </button>
  );
}

export function Spinner() {
  return (
    <span
      aria-hidden
      className="spin inline-block size-4 rounded-full border-2 border-current border-r-transparent"
    />
  );
}

type IconButtonProps = Omit<ComponentProps<'button'>, 'children'> & {
  /** Its name for everybody; shown as a tooltip. */
  label: string;
  /** The key that does the same, shown in the tooltip. */
  hint?: string | undefined;
  icon: ReactNode;
  pressed?: boolean;
  small?: boolean;
};

export function IconButton({
  label,
  hint,
  icon,
  pressed,
  small,
  className,
  ...rest
}: IconButtonProps) {
  return (
    <Tooltip text={label} hint={hint}>
      <button
        type="button"
        aria-label={label}
        aria-pressed={pressed}
        {...rest}
        className={cx(
          'inline-flex shrink-0 items-center justify-center rounded-lg text-muted hover:bg-hover hover:text-ink disabled:opacity-40 touch:size-11',
          small ? 'size-7' : 'size-9',
          pressed && 'bg-accent-soft text-accent-ink',
          className,
        )}
      >
        {icon}
      </button>
    </Tooltip>
  );
}
