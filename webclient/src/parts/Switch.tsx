import { Switch as Radix } from 'radix-ui';
import { type ReactNode, useId } from 'react';

/** On or off, at once. */
export function Switch({
  label,
  text,
  checked,
  onChange,
  disabled,
}: {
  label: string;
  text?: ReactNode;
  checked: boolean;
  onChange: (checked: boolean) => void;
  disabled?: boolean;
}) {
  const id = useId();
  return (
    <div className="flex min-h-11 items-start justify-between gap-4 py-1.5">
      <span>
        <label htmlFor={id} className="font-medium">
          {label}
        </label>
        {text !== undefined && (
          <p id={`${id}-text`} className="text-sm text-muted">
            {text}
          </p>
        )}
      </span>
      <Radix.Root
        id={id}
        checked={checked}
        onCheckedChange={onChange}
        disabled={disabled ?? false}
        aria-describedby={text === undefined ? undefined : `${id}-text`}
        className="relative mt-0.5 h-6 w-11 shrink-0 rounded-full border border-line-strong bg-sunken transition-colors data-[state=checked]:border-accent data-[state=checked]:bg-accent disabled:opacity-50"
      >
        <Radix.Thumb className="block size-4.5 translate-x-0.5 rounded-full bg-muted transition-transform data-[state=checked]:translate-x-5.5 data-[state=checked]:bg-on-accent rtl:-translate-x-0.5 rtl:data-[state=checked]:-translate-x-5.5" />
      </Radix.Root>
    </div>
  );
}
