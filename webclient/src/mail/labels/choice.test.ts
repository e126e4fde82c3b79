import { describe, expect, it } from 'vitest';

import type { EmailSummary, Mailbox } from '@/api/types';

import { changesOf, labelsOf, ticksOf } from './choice';

const box = (id: string, role: Mailbox['role'] = null) => ({ id, role, name: id }) as Mailbox;
const boxes = [box('inbox', 'inbox'), box('work'), box('home')];
const email = (threadId: string, ...ids: string[]) =>
  ({ threadId, mailboxIds: Object.fromEntries(ids.map((id) => [id, true])) }) as EmailSummary;

describe('labels of conversations', () => {
  it('are on where each has it in any message, mixed where only some have it', () => {
    const emails = [email('a', 'inbox', 'work'), email('a', 'inbox'), email('b', 'work', 'home')];
    expect([...ticksOf(emails, boxes)]).toEqual([
      ['work', 'on'],
      ['home', 'mixed'],
    ]);
    expect(ticksOf([], boxes).get('work')).toBe('off');
  });

  it('are shown but for the one that is looked at', () => {
    const emails = [email('a', 'inbox', 'work'), email('a', 'home')];
    expect(labelsOf(emails, boxes, 'work').map((each) => each.id)).toEqual(['home']);
  });

  it('change where something else was chosen', () => {
    const before = new Map([
      ['a', 'mixed'],
      ['b', 'on'],
      ['c', 'off'],
    ] as const);
    const after = new Map([
      ['a', 'mixed'],
      ['b', 'off'],
      ['c', 'on'],
      ['d', 'on'],
    ] as const);
    expect(changesOf(before, after)).toEqual({ on: ['c', 'd'], off: ['b'] });
  });
});
