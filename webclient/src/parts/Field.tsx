import { type ComponentProps, type ReactNode, useId } from 'react';

import { cx } from './cx';

const BOX =
  'w-full rounded-lg border border-line-strong bg-surface px-3 text-base text-ink placeholder:text-muted disabled:opacity-60 aria-invalid:border-danger dark:bg-sunken';

interface Labelled {
  label: string;
  /** What it is for, under the field. */
  text?: ReactNode;
  /** What is wrong, under the field; said when it appears. */
  error?: string | undefined;
}

/** A label, its control, a hint and an error, tied together for everybody. */
function useLabelled(
  { label, text, error }: Labelled,
  control: (ids: Record<string, unknown>) => ReactNode,
) {
  const id = useId();
  const described = [text !== undefined && `${id}-text`, error && `${id}-error`].filter(Boolean);
  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={id} className="text-sm font-medium">
        {label}
      </label>
      {control({
        id,
        'aria-invalid': error ? true : undefined,
        'aria-describedby': described.length > 0 ? described.join(' ') : undefined,
      })}
      {text !== undefined && (
        <p id={`${id}-text`} className="text-sm text-muted">
          {text}
        </p>
      )}
      <p id={`${id}-error`} role="alert" className="text-sm text-danger empty:hidden">
        {error}
      </p>
    </div>
  );
}

export function Field({
  label,
  text,
  error,
  className,
  after,
  ...rest
}: Labelled & ComponentProps<'input'> & { after?: ReactNode }) {
  return useLabelled({ label, text, error }, (ids) => (
    <span className="relative flex items-center">
      <input type="text" {...rest} {...ids} className={cx(BOX, 'h-10 touch:h-11', className)} />
      {after !== undefined && <span className="absolute inset-e-1">{after}</span>}
    </span>
  ));
}

export function TextArea({
  label,
  text,
  error,
  className,
  ...rest
}: Labelled & ComponentProps<'textarea'>) {
  return useLabelled({ label, text, error }, (ids) => (
    <textarea rows={4} {...rest} {...ids} className={cx(BOX, 'py-2', className)} />
  ));
}

/** The system's own select: it works with every finger, key and reader. */
export function Select<T extends string | number>({
  label,
  text,
  error,
  className,
  options,
  value,
  onValue,
  ...rest
}: Labelled &
  Omit<ComponentProps<'select'>, 'value' | 'onChange'> & {
    options: readonly { value: T; label: string }[];
    value: T;
    onValue: (value: T) => void;
  }) {
  return useLabelled({ label, text, error }, (ids) => (
    <select
      {...rest}
      {...ids}
      className={cx(BOX, 'h-10 touch:h-11', className)}
      value={value}
      onChange={(event) => {
        const chosen = options.find((each) => String(each.value) === event.target.value);
        if (chosen) onValue(chosen.value);
      }}
    >
      {options.map((each) => (
        <option key={each.value} value={each.value}>
          {each.label}
        </option>
      ))}
    </select>
  ));
}
