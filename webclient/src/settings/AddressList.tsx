import { X } from 'lucide-react';
import { useState } from 'react';
import { useIntl } from 'react-intl';

import { Button, Field, IconButton } from '@/parts';

const ADDRESS = /^[^\s@]+@[^\s@]+$/;

/** Addresses that one adds and removes, kept in lower case and in order. */
export function AddressList({
  label,
  empty,
  addresses,
  onChange,
}: {
  label: string;
  empty: string;
  addresses: readonly string[];
  onChange: (addresses: string[]) => void;
}) {
  const intl = useIntl();
  const [value, setValue] = useState('');
  const [error, setError] = useState('');
  const add = () => {
    const address = value.trim().toLowerCase();
    if (!ADDRESS.test(address)) {
      setError(intl.formatMessage({ id: 'settings.address.wrong' }));
      return;
    }
    setError('');
    setValue('');
    onChange([...new Set([...addresses, address])].sort());
  };
  return (
    <div className="flex flex-col gap-3">
      <form
        noValidate
        className="flex items-end gap-2"
        onSubmit={(event) => {
          event.preventDefault();
          add();
        }}
      >
        <div className="min-w-0 flex-1">
          <Field
            label={label}
            type="email"
            placeholder="name@example.com"
            value={value}
            error={error}
            onChange={(event) => setValue(event.target.value)}
          />
        </div>
        <Button type="submit" className="mb-px h-10">
          {intl.formatMessage({ id: 'add' })}
        </Button>
      </form>
      {addresses.length === 0 ? (
        <p className="text-sm text-muted">{empty}</p>
      ) : (
        <ul aria-label={label} className="flex max-h-72 flex-wrap gap-2 overflow-y-auto">
          {addresses.map((each) => (
            <li
              key={each}
              className="flex max-w-full items-center gap-1 rounded-full bg-sunken ps-3 text-sm"
            >
              <bdi className="min-w-0 truncate">{each}</bdi>
              <IconButton
                small
                label={intl.formatMessage({ id: 'settings.address.remove' }, { address: each })}
                icon={<X size={14} />}
                className="rounded-full"
                onClick={() => onChange(addresses.filter((other) => other !== each))}
              />
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
