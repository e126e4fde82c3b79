import { render, screen } from '@testing-library/react';
import { createIntl, IntlProvider } from 'react-intl';
import { expect, it } from 'vitest';

import type { TrustReason, Verdict } from '@/api/types';
import de from '@/text/de/reading.json';
import en from '@/text/en/reading.json';

import { loudWarnings, reasonText, standingOf, TrustBadge } from './Trust';

const reason = (code: string, weight = 0, detail: Record<string, string> = {}): TrustReason => ({
  code,
  text: `As the server says: ${code}.`,
  weight,
  detail,
});
const verdict = (more: Partial<Verdict> = {}): Verdict => ({
  ...{ action: 'inbox', score: 0, sentence: '', reasons: [], warnings: [] },
  ...more,
});

it.each([
  ['junk', verdict({ action: 'junk', warnings: [reason('spf-fail')] })],
  ['warned', verdict({ warnings: [reason('first-contact'), reason('lookalike-name')] })],
  [
    'vouched',
    verdict({ reasons: [reason('dmarc-passed', -1)], warnings: [reason('first-contact')] }),
  ],
  ['unknown', verdict({ reasons: [reason('spf-none', 0.5)] })],
])('how a message stands: %s', (standing, given) => {
  expect(standingOf(given)).toBe(standing);
});

it('a first contact alone is no loud warning', () => {
  expect(loudWarnings(verdict({ warnings: [reason('first-contact')] }))).toEqual([]);
});

it('reasons are said in the language of the reader, and unknown ones in the words of the server', () => {
  const intl = createIntl({ locale: 'de', messages: de });
  const known = reason('spf-fail', 2, { domain: 'bank.test', peer: '192.0.2.1' });
  expect(reasonText(intl, known)).toBe('bank.test sagt, dass 192.0.2.1 nicht dafür senden darf.');
  expect(reasonText(intl, reason('of-tomorrow'))).toBe('As the server says: of-tomorrow.');
});

it.each([null, undefined])('a message without a verdict has no badge', (given) => {
  const { container } = render(
    <IntlProvider locale="en" messages={en}>
      <TrustBadge verdict={given} shown={false} onToggle={() => undefined} />
    </IntlProvider>,
  );
  expect(container.textContent).toBe('');
  expect(screen.queryByRole('button')).toBeNull();
});
