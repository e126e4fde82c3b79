import { describe, expect, it } from 'vitest';

import { patched } from '@/api/email';
import type { EmailSummary, Id, Mailbox } from '@/api/types';

import { type Action, inverseOf, patchesFor } from './act';
import type { Scope } from './scope';

const box = (id: string, role: Mailbox['role'] = null) => ({ id, role, name: id }) as Mailbox;
const boxes = [
  box('inbox', 'inbox'),
  box('room', 'snoozed'),
  box('archive', 'archive'),
  box('sent', 'sent'),
  box('trash', 'trash'),
  box('work'),
  box('home'),
];
const inbox: Scope = { kind: 'mailbox', mailbox: boxes[0] as Mailbox };
const all: Scope = { kind: 'all' };
const UNTIL = '2026-12-01T08:00:00Z';

function email(id: Id, places: Id[], more: Partial<EmailSummary> = {}): EmailSummary {
  const mailboxIds = Object.fromEntries(places.map((each) => [each, true]));
  return { id, threadId: 't', mailboxIds, keywords: {}, snoozed: null, ...more } as EmailSummary;
}

const after = (action: Action, emails: EmailSummary[], scope: Scope = inbox) => {
  const patches = patchesFor(action, emails, scope, boxes);
  return emails.map((each) => {
    const now = patched(each, patches.get(each.id) ?? {});
    return { places: Object.keys(now.mailboxIds).sort(), ...now };
  });
};

describe('snoozing', () => {
  it('takes what is in the inbox to wait, with its labels, and only the newest comes back unread', () => {
    const emails = [
      email('a', ['inbox', 'work'], { keywords: { $seen: true } }),
      email('b', ['sent']),
      email('c', ['inbox']),
    ];
    const [a, b, c] = after({ kind: 'snooze', until: UNTIL }, emails);
    expect(a?.places).toEqual(['room', 'work']);
    expect(a?.snoozed).toEqual({ until: UNTIL, moveToMailboxId: null, setKeywords: {} });
    expect(b).toMatchObject({ places: ['sent'], snoozed: null });
    expect(c?.places).toEqual(['room']);
    expect(c?.snoozed?.setKeywords).toEqual({ $new: true, $seen: false });
  });

  it('takes what is nowhere in the inbox from where it is', () => {
    const [a, b] = after(
      { kind: 'snooze', until: UNTIL },
      [email('a', ['archive']), email('b', ['work'])],
      all,
    );
    expect(a?.places).toEqual(['room']);
    expect(b?.places).toEqual(['room', 'work']);
  });

  it('puts off what waits, and leaves the rest as it was asked for', () => {
    const snoozed = { until: 'x', moveToMailboxId: 'archive', setKeywords: { later: true } };
    const [a] = after({ kind: 'snooze', until: UNTIL }, [email('a', ['room'], { snoozed })], all);
    expect(a?.snoozed).toEqual({ ...snoozed, until: UNTIL });
  });

  it('is taken back to just what it was, and so is what ended it', () => {
    const snoozed = { until: UNTIL, moveToMailboxId: 'archive', setKeywords: null };
    const cases: [Action, EmailSummary][] = [
      [{ kind: 'snooze', until: UNTIL }, email('a', ['inbox', 'work'])],
      [{ kind: 'unsnooze' }, email('a', ['room', 'work'], { snoozed })],
      [{ kind: 'archive' }, email('a', ['room'], { snoozed })],
      [{ kind: 'mute' }, email('a', ['inbox'])],
      [{ kind: 'labels', on: ['work'], off: ['home'] }, email('a', ['home'])],
    ];
    for (const [action, was] of cases) {
      const patches = patchesFor(action, [was], all, boxes);
      const back = inverseOf(patches, () => was);
      const now = patched(was, patches.get('a') ?? {});
      expect(now).not.toEqual(was);
      expect(patched(now, back.get('a') ?? {})).toEqual(was);
    }
  });

  it('ends where it was to go, else in the inbox', () => {
    const snoozed = { until: UNTIL, moveToMailboxId: 'archive', setKeywords: null };
    const emails = [email('a', ['room'], { snoozed }), email('b', ['room']), email('c', ['inbox'])];
    const [a, b, c] = after({ kind: 'unsnooze' }, emails);
    expect(a).toMatchObject({ places: ['archive'], snoozed: null });
    expect(b?.places).toEqual(['inbox']);
    expect(c?.places).toEqual(['inbox']);
  });
});

describe('muting', () => {
  it('marks all, and clears the inbox; unmuting takes the mark from all', () => {
    const emails = [email('a', ['inbox', 'work']), email('b', ['sent'])];
    const muted = after({ kind: 'mute' }, emails);
    expect(muted.map((each) => each.places)).toEqual([['archive', 'work'], ['sent']]);
    expect(muted.every((each) => each.keywords['$muted'])).toBe(true);
    expect(after({ kind: 'unmute' }, muted).some((each) => each.keywords['$muted'])).toBe(false);
  });
});

describe('labels', () => {
  it('are put on and taken off at once', () => {
    const [a] = after({ kind: 'labels', on: ['work'], off: ['home'] }, [
      email('a', ['inbox', 'home']),
    ]);
    expect(a?.places).toEqual(['inbox', 'work']);
  });

  it('leave nothing without a place', () => {
    const [a] = after({ kind: 'labels', on: [], off: ['home'] }, [email('a', ['home'])], all);
    expect(a?.places).toEqual(['archive']);
  });

  it('are not for what was thrown away', () => {
    const [a] = after({ kind: 'labels', on: ['work'], off: [] }, [email('a', ['trash'])]);
    expect(a?.places).toEqual(['trash']);
  });
});

describe('reading', () => {
  it('takes the mark off what came back', () => {
    const back = { keywords: { $new: true } };
    const [a] = after({ kind: 'read' }, [email('a', ['inbox'], back)]);
    expect(a?.keywords).toEqual({ $seen: true });
  });
});
