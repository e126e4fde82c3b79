import { describe, expect, it } from 'vitest';

import type { EmailAddress } from '@/api/types';

import { parseRecipients } from './recipients';
import {
  authorBehindList,
  forwardSubject,
  listOf,
  referencesOf,
  replyRecipients,
  replySubject,
  speaksOfFiles,
} from './reply';

const list = (text: string): EmailAddress[] => parseRecipients(text);
interface Fields {
  from?: string;
  to?: string;
  cc?: string;
  replyTo?: string;
  post?: string[];
  followUp?: string;
}
const emailOf = (fields: Fields) => ({
  from: list(fields.from ?? 'carol@x.org'),
  to: list(fields.to ?? 'me@x.org'),
  cc: list(fields.cc ?? ''),
  replyTo: fields.replyTo === undefined ? null : list(fields.replyTo),
  'header:List-Post:asURLs': fields.post ?? null,
  'header:Mail-Followup-To:asAddresses':
    fields.followUp === undefined ? null : list(fields.followUp),
});
const answer = (fields: Fields, how: boolean | 'list') => {
  const kind = how === 'list' ? 'reply-list' : how ? 'reply-all' : 'reply';
  const { to, cc } = replyRecipients(emailOf(fields), ['me@x.org', 'me@y.org'], kind);
  const emails = (people: EmailAddress[]) => people.map((each) => each.email).join(' ');
  return [emails(to), emails(cc)];
};

describe('a reply', () => {
  it('goes to the author alone', () => {
    expect(answer({ to: 'me@x.org, bob@x.org' }, false)).toEqual(['carol@x.org', '']);
  });

  it('goes where Reply-To says', () => {
    expect(answer({ replyTo: 'list@x.org' }, false)).toEqual(['list@x.org', '']);
  });

  it('to all leaves out every own address and doubles', () => {
    expect(
      answer(
        { to: 'ME@x.org, bob@x.org, carol@x.org', cc: 'me@y.org, dora@x.org, bob@x.org' },
        true,
      ),
    ).toEqual(['carol@x.org', 'bob@x.org dora@x.org']);
  });

  it('to what one sent oneself goes to those it went to', () => {
    const sent = { from: 'me@x.org', to: 'bob@x.org', cc: 'dora@x.org' };
    expect(answer(sent, false)).toEqual(['bob@x.org', '']);
    expect(answer(sent, true)).toEqual(['bob@x.org', 'dora@x.org']);
  });

  it('to a note to oneself goes to oneself', () => {
    expect(answer({ from: 'me@x.org', to: 'me@x.org' }, true)).toEqual(['me@x.org', '']);
    expect(answer({ replyTo: 'me@y.org' }, false)).toEqual(['me@y.org', '']);
  });

  it('to all leaves out sub-addresses of one\'s own', () => {
    expect(answer({ to: 'me+shop@x.org, bob+x@x.org' }, true)).toEqual(['carol@x.org', 'bob+x@x.org']);
  }); // prettier-ignore

  it('to a list goes to the list alone', () => {
    const post = ['mailto:roses@lists.org?subject=x'];
    expect(answer({ post, to: 'roses@lists.org', cc: 'bob@x.org' }, 'list')).toEqual(['roses@lists.org', '']); // prettier-ignore
    expect(answer({ post: ['https://lists.org/post'] }, 'list')).toEqual(['carol@x.org', '']);
    expect(listOf({ 'header:List-Post:asURLs': null })).toBeNull();
  });

  it('to all goes where Mail-Followup-To says, but a reply to one does not', () => {
    const fields = { to: 'roses@lists.org', followUp: 'roses@lists.org, me@x.org' };
    expect(answer(fields, true)).toEqual(['roses@lists.org', '']);
    expect(answer(fields, false)).toEqual(['carol@x.org', '']);
    expect(answer({ followUp: 'me@x.org' }, true)).toEqual(['carol@x.org', '']);
  });

  it('that a list turned to itself still knows the author', () => {
    const email = emailOf({ post: ['mailto:Roses@lists.org'], replyTo: 'roses@lists.org' });
    const { to } = replyRecipients(email, ['me@x.org'], 'reply');
    expect(authorBehindList(email, to)?.map((each) => each.email)).toEqual(['carol@x.org']);
    const open = emailOf({ post: ['mailto:roses@lists.org'] });
    expect(authorBehindList(open, replyRecipients(open, [], 'reply').to)).toBeNull();
  });

  it('has one prefix, whatever there was', () => {
    expect(replySubject('AW: Re[2]: re: Roses')).toBe('Re: Roses');
    expect(forwardSubject('WG: Fwd: Roses')).toBe('Fwd: Roses');
    expect(replySubject(null)).toBe('Re: ');
    expect(replySubject('Regarding: x')).toBe('Re: Regarding: x');
  });

  it('refers to the whole thread, and to a bounded part of a very long one', () => {
    expect(referencesOf({ messageId: ['c'], references: ['a', 'b'], inReplyTo: ['b'] })).toEqual(['a', 'b', 'c']); // prettier-ignore
    expect(referencesOf({ messageId: ['c'], references: null, inReplyTo: ['b'] })).toEqual(['b', 'c']); // prettier-ignore
    const many = Array.from({ length: 500 }, (_, at) => `m${at}`);
    const kept = referencesOf({ messageId: ['c'], references: many, inReplyTo: null });
    expect([kept.length, kept[0], kept.at(-1)]).toEqual([60, 'm0', 'c']);
  });
});

describe('a forgotten file', () => {
  it.each(['I attached the plan.', 'See the attachment', 'Anbei der Plan', 'im Anhang'])('is missed: %s', (text) => {
    expect(speaksOfFiles('', text)).toBe(true);
  }); // prettier-ignore

  it.each(['Nothing here', 'Hi\n> see attached', 'Hi\n-- \nAttachment Ltd', 'An attaché came'])('is not missed: %s', (text) => {
    expect(speaksOfFiles('Re: Roses', text)).toBe(false);
  }); // prettier-ignore
});
