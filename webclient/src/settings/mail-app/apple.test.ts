import { describe, expect, it } from 'vitest';

import { appleProfile } from './apple';
import type { MailServer } from './servers';

const server = (service: 'imap' | 'smtp', port: number): MailServer => ({
  service,
  host: 'mail.example.com',
  port,
  security: 'tls',
});

describe('a profile for Apple devices', () => {
  const text = appleProfile(
    { name: 'A <b> & "c"\u0000', address: 'a&b@example.com' },
    server('imap', 993),
    server('smtp', 465),
    ['11111111-0000-0000-0000-000000000000', '22222222-0000-0000-0000-000000000000'],
  );
  const xml = new DOMParser().parseFromString(text, 'application/xml');
  const valueOf = (key: string) =>
    [...xml.querySelectorAll('key')].find((each) => each.textContent === key)?.nextElementSibling
      ?.textContent;

  it('is well-formed, whatever the name', () => {
    expect(xml.querySelector('parsererror')).toBeNull();
    expect(valueOf('EmailAccountName')).toBe('A <b> & "c"');
    expect(valueOf('EmailAddress')).toBe('a&b@example.com');
  });

  it('names both servers and holds no password', () => {
    expect(valueOf('IncomingMailServerPortNumber')).toBe('993');
    expect(valueOf('OutgoingMailServerPortNumber')).toBe('465');
    expect(text).not.toMatch(/<key>(Incoming|Outgoing)Password<\/key>/);
  });
});
