import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { useEffect, useState } from 'react';
import { IntlProvider } from 'react-intl';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { EmailAddress } from '@/api/types';
import en from '@/text/en';

import { Recipients } from './Recipients';

interface State {
  list: EmailAddress[];
  pending: string;
}
let now: State;

function Harness() {
  const [state, setState] = useState<State>({ list: [], pending: '' });
  useEffect(() => {
    now = state;
  });
  return (
    <IntlProvider locale="en" messages={en}>
      <Recipients label="To" {...state} onChange={(list, pending) => setState({ list, pending })} />
      <button type="button">elsewhere</button>
    </IntlProvider>
  );
}

const emails = () => now.list.map(({ email }) => email);

describe('the field for recipients', () => {
  beforeEach(() => {
    const suggestions = [
      { address: 'carol@x.org', name: 'Carol', members: [] },
      { address: 'carl@x.org', name: '', members: [] },
      {
        address: '',
        name: 'Caravan club',
        members: [
          { name: 'Ann', address: 'ann@x.org' },
          { name: '', address: 'carol@x.org' },
        ],
      },
    ];
    vi.stubGlobal('fetch', () => Promise.resolve(Response.json({ suggestions })));
    render(<Harness />);
  });
  afterEach(() => vi.unstubAllGlobals());
  const field = () => screen.getByRole('combobox', { name: 'To' });

  it('makes chips of what ends with a comma, Enter, Tab or leaving the field', async () => {
    await userEvent.type(field(), 'a@x.org,b@x.org{Enter}c@x.org{Tab}d@x.org');
    expect(now.pending).toBe('d@x.org'); // typed, and not lost before it is confirmed
    await userEvent.click(screen.getByText('elsewhere'));
    expect(emails()).toEqual(['a@x.org', 'b@x.org', 'c@x.org', 'd@x.org']);
  });

  it('leaves a comma inside a quoted name alone', async () => {
    await userEvent.type(field(), '"Doe, Jane" <j@x.org>,');
    expect(now.list).toEqual([{ name: 'Doe, Jane', email: 'j@x.org' }]);
  });

  it('puts the members of a group in its place, each once', async () => {
    await userEvent.type(field(), 'carol@x.org,car');
    await userEvent.click(await screen.findByRole('option', { name: /Caravan club 2 people/ }));
    expect(now.list).toEqual([
      { name: null, email: 'carol@x.org' },
      { name: 'Ann', email: 'ann@x.org' },
    ]);
  });

  it('takes the suggestion that the arrows chose', async () => {
    await userEvent.type(field(), 'car');
    await screen.findByRole('option', { name: /carol/ });
    await userEvent.keyboard('{ArrowDown}{Enter}');
    expect(now.list).toEqual([{ name: null, email: 'carl@x.org' }]);
  });

  it('takes a whole address that was typed, not the suggestion', async () => {
    await userEvent.type(field(), 'carlo@x.org');
    await screen.findByRole('option', { name: /carol/ });
    await userEvent.keyboard('{Enter}');
    expect(emails()).toEqual(['carlo@x.org']);
  });

  it('takes a pasted list, without doubles', async () => {
    await userEvent.click(field());
    await userEvent.paste('a@x.org; A@X.org\nB <b@x.org>');
    expect(emails()).toEqual(['a@x.org', 'b@x.org']);
  });

  it('marks what is no address, and removes with Backspace', async () => {
    await userEvent.type(field(), 'nonsense,');
    expect(screen.getByText('(not an email address)')).toBeTruthy();
    await userEvent.type(field(), '{Backspace}');
    expect(now.list).toEqual([]);
  });
});
