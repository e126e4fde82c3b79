// mailto: addresses (RFC 6068). Of the fields that one may name only whom, what about and the text are taken.
import type { EmailAddress } from '@/api/types';

export interface MailTo {
  to: EmailAddress[];
  cc: EmailAddress[];
  subject: string;
  text: string;
}

const MOST = 100; // addresses

/** null: it is no such address, or is damaged. A "+" is a plus (RFC 6068 §5), not a space. */
export function parseMailto(href: string): MailTo | null {
  const found = /^mailto:([^?#]*)(?:\?([^#]*))?/i.exec(href.trim());
  if (!found) return null;
  const mail: MailTo = { to: [], cc: [], subject: '', text: '' };
  try {
    mail.to.push(...addresses(found[1] ?? ''));
    for (const field of (found[2] ?? '').split('&')) {
      const [name = '', ...rest] = field.split('=');
      const value = rest.join('=');
      const key = decodeURIComponent(name).toLowerCase();
      if (key === 'to') mail.to.push(...addresses(value));
      else if (key === 'cc') mail.cc.push(...addresses(value));
      else if (key === 'subject') mail.subject = line(decodeURIComponent(value));
      else if (key === 'body') mail.text = decodeURIComponent(value).replace(/\r\n?/g, '\n');
    }
  } catch {
    return null; // a "%" that begins no octet
  }
  return mail;
}

/** Commas separate; one that belongs to an address is written %2C. */
function addresses(text: string): EmailAddress[] {
  return text
    .split(',')
    .slice(0, MOST)
    .map((each) => line(decodeURIComponent(each)))
    .filter((email) => email !== '')
    .map((email) => ({ name: null, email }));
}

const line = (text: string) => text.replace(/[\r\n]+/g, ' ').trim();
