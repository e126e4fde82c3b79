import { describe, expect, it } from 'vitest';

import { parseMailto } from './mailto';

const emails = (href: string) => parseMailto(href)?.to.map((each) => each.email);

describe('a mailto address', () => {
  it('names whom, what about and what to say', () => {
    expect(parseMailto('mailto:a@x.org,b@x.org?cc=c@x.org&subject=a%20b&body=1%0D%0A2&bcc=d@x.org')).toEqual({
      to: [{ name: null, email: 'a@x.org' }, { name: null, email: 'b@x.org' }],
      cc: [{ name: null, email: 'c@x.org' }],
      subject: 'a b',
      text: '1\n2',
    }); // prettier-ignore
  });

  it('takes a plus for a plus', () => {
    expect(emails('mailto:list+leave=me@x.org')).toEqual(['list+leave=me@x.org']);
    expect(parseMailto('MAILTO:l@x.org?subject=u+abc==')?.subject).toBe('u+abc==');
  });

  it('names people in its fields as well, and puts no line ends into headers', () => {
    expect(emails('mailto:?to=a%2Cb@x.org')).toEqual(['a,b@x.org']);
    expect(parseMailto('mailto:a@x.org?subject=x%0D%0ABcc:%20y@z')?.subject).toBe('x Bcc: y@z');
  });

  it('is told from what is none', () => {
    for (const href of ['https://x.org', 'mailto', 'mailto:%E0%A4@x.org', 'javascript:mailto:x']) {
      expect(parseMailto(href)).toBeNull();
    }
  });
});
