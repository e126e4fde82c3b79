import { render, screen } from '@testing-library/react';
import { IntlProvider } from 'react-intl';
import { expect, it } from 'vitest';

import type { EmailBody } from '@/api/types';
import de from '@/text/de/reading.json';
import en from '@/text/en/reading.json';

import { Newcomer } from './Newcomer';

const body = (isNewToThread?: boolean): EmailBody => ({
  ...{ id: 'M1', messageId: null, inReplyTo: null, references: null },
  ...{ bcc: null, replyTo: null, sender: null },
  ...{ textBody: [], htmlBody: [], attachments: [], bodyValues: {} },
  'header:List-Unsubscribe:asURLs': null,
  'header:List-Unsubscribe-Post:asText': null,
  'header:List-Id:asText': null,
  'header:List-Post:asURLs': null,
  'header:Mail-Followup-To:asAddresses': null,
  'header:Auto-Submitted:asText': null,
  isNewToThread,
});

it.each([
  ['en', en, 'New to this conversation'],
  ['de', de, 'Neu in dieser Unterhaltung'],
])('who is new to a conversation is marked in words (%s)', (locale, messages, words) => {
  render(
    <IntlProvider locale={locale} messages={messages}>
      <Newcomer body={body(true)} />
    </IntlProvider>,
  );
  expect(screen.getByText(words)).toBeTruthy();
});

it.each([undefined, body(), body(false)])('nobody else is', (given) => {
  const { container } = render(
    <IntlProvider locale="en" messages={en}>
      <Newcomer body={given} />
    </IntlProvider>,
  );
  expect(container.textContent).toBe('');
});
