import { act, renderHook } from '@testing-library/react';
import type { ReactNode } from 'react';
import { IntlProvider } from 'react-intl';
import { describe, expect, it } from 'vitest';

import { MethodError, Problem } from '@/api/problems';
import en from '@/text/en';

import { useWork } from './use-work';

const wrapper = ({ children }: { children: ReactNode }) => (
  <IntlProvider locale="en" messages={en}>
    {children}
  </IntlProvider>
);

async function refusedBy(
  error: Error,
  names: string[],
  say?: (error: unknown) => string | undefined,
) {
  const { result } = renderHook(() => useWork(names, say), { wrapper });
  let done = true;
  await act(async () => {
    done = await result.current.run(() => Promise.reject(error));
  });
  expect(done).toBe(false);
  expect(result.current.busy).toBe(false);
  return { error: result.current.error, fields: result.current.fields };
}

const problem = (...names: string[]) =>
  new Problem(422, 'Not valid', 'No.', 'about:blank', {
    errors: names.map((name) => ({ pointer: `#/${name}`, detail: `No ${name}.` })),
  });

describe('the work of a form', () => {
  it('tells a refused field of the form at the field', async () => {
    expect(await refusedBy(problem('name'), ['name'])).toEqual({
      error: '',
      fields: { name: 'No name.' },
    });
  });

  it('tells of a field that the form does not show as a whole', async () => {
    expect(await refusedBy(problem('name', 'other'), ['name'])).toEqual({
      error: 'No other.',
      fields: { name: 'No name.' },
    });
  });

  it('reads the properties of a JMAP error', async () => {
    const error = new MethodError('invalidProperties', 'Bad.', ['email']);
    expect((await refusedBy(error, ['email'])).fields).toEqual({ email: 'Bad.' });
  });

  it('says the server’s sentence, or the form’s own', async () => {
    expect((await refusedBy(new Problem(409, '', 'Taken.'), [])).error).toBe('Taken.');
    expect((await refusedBy(new Problem(409, '', 'Taken.'), [], () => 'Mine.')).error).toBe(
      'Mine.',
    );
  });

  it('forgets a refusal when it goes well', async () => {
    const { result } = renderHook(() => useWork(['name']), { wrapper });
    act(() => result.current.refuse({ name: 'No.' }));
    expect(result.current.fields).toEqual({ name: 'No.' });
    await act(() => result.current.run(() => Promise.resolve()));
    expect(result.current.fields).toEqual({});
  });
});
