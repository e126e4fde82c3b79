import { type ReactNode, useId } from 'react';

import { cx } from './cx';

/** One of a few, all of them in sight: radio buttons dressed as a row of tiles. */
export function Choice<T extends string>({
  label,
  options,
  value,
  onValue,
}: {
  label: string;
  options: readonly { value: T; label: string; icon?: ReactNode }[];
  value: T;
  onValue: (value: T) => void;
}) {
  const name = useId();
  return (
    <fieldset>
      <legend className="mb-1.5 font-medium">{label}</legend>
      <div className="flex flex-wrap gap-2">
        {options.map((each) => (
          <label
            key={each.value}
            className={cx(
              'flex min-h-10 flex-1 basis-28 items-center justify-center gap-2 rounded-lg border px-3 text-center touch:min-h-11',
              'has-focus-visible:outline-2 has-focus-visible:outline-offset-1 has-focus-visible:outline-accent',
              each.value === value
                ? 'border-accent bg-accent-soft font-medium text-accent-ink'
                : 'border-line-strong hover:bg-hover',
            )}
          >
            <input
              type="radio"
              name={name}
              className="sr-only"
              checked={each.value === value}
              onChange={() => onValue(each.value)}
            />
            {each.icon}
            {each.label}
          </label>
        ))}
      </div>
    </fieldset>
  );
}

/** A tick in a list of ticks. */
export function Check({
  label,
  text,
  checked,
  onChange,
}: {
  label: string;
  text?: string;
  checked: boolean;
  onChange: (checked: boolean) => void;
}) {
  return (
    <label className="flex min-h-9 items-start gap-2.5 py-1.5 touch:min-h-11">
      <input
        type="checkbox"
        checked={checked}
        onChange={(event) => onChange(event.target.checked)}
        className="mt-0.5 size-4 shrink-0 accent-accent"
      />
      <span>
        {label}
        {text !== undefined && <span className="block text-sm text-muted">{text}</span>}
      </span>
    </label>
  );
}
