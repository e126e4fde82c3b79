import { useQuery } from '@tanstack/react-query';
import { useId } from 'react';

import { Field } from '@/parts';

import { listAccounts } from './accounts';

const ENOUGH = 20;

/** The address of an account, with those that begin like it offered. `accountId` turns it into an id. */
export function AccountField({
  label,
  text,
  error,
  value,
  onValue,
}: {
  label: string;
  text?: string;
  error?: string | undefined;
  value: string;
  onValue: (value: string) => void;
}) {
  const list = useId();
  const { data } = useQuery({
    queryKey: ['admin', 'offered', value],
    queryFn: ({ signal }) => listAccounts({ prefix: value.trim(), limit: ENOUGH }, signal),
    placeholderData: (before) => before,
  });
  return (
    <>
      <Field
        label={label}
        {...(text === undefined ? {} : { text })}
        error={error}
        value={value}
        list={list}
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        onChange={(event) => onValue(event.target.value)}
      />
      <datalist id={list}>
        {data?.items.map((each) => (
          <option key={each.id} value={each.address}>
            {each.name}
          </option>
        ))}
      </datalist>
    </>
  );
}
