import { describe, expect, it } from 'vitest';

import { invitationOf } from './calendar';

const event = (...lines: string[]) =>
  ['BEGIN:VCALENDAR', 'METHOD:REQUEST', 'BEGIN:VEVENT', ...lines, 'END:VEVENT', 'END:VCALENDAR'].join('\r\n'); // prettier-ignore

describe('an invitation', () => {
  it('says what, when, where and who', () => {
    const found = invitationOf(
      event(
        'DTSTART;TZID=Europe/Berlin:20260701T090000',
        'DTEND:20260701T080000Z',
        'SUMMARY:Roses\\, and\\n',
        ' more\\; roses',
        'LOCATION:The garden',
        'ORGANIZER;CN="Carol: the \\"rose\\"";ROLE=CHAIR:mailto:carol@x.org',
        'BEGIN:VALARM',
        'SUMMARY:An alarm',
        'END:VALARM',
        'RRULE:FREQ=WEEKLY',
      ),
    );
    expect(found).toMatchObject({
      method: 'REQUEST',
      summary: 'Roses, and\nmore; roses',
      location: 'The garden',
      start: { kind: 'moment', date: new Date('2026-07-01T07:00:00Z') },
      end: { kind: 'moment', date: new Date('2026-07-01T08:00:00Z') },
      repeats: true,
    });
  });

  it('may last days, and be in a zone that nobody knows', () => {
    expect(invitationOf(event('DTSTART;VALUE=DATE:20261224'))?.start).toEqual({ kind: 'day', date: new Date('2026-12-24T00:00:00Z') }); // prettier-ignore
    expect(invitationOf(event('DTSTART;TZID=My zone:20260701T090000'))?.start).toEqual({
      ...{ kind: 'floating', zone: 'My zone' },
      date: new Date('2026-07-01T09:00:00Z'),
    });
  });

  it('keeps to the clock where summer begins and ends', () => {
    const at = (time: string) => invitationOf(event(`DTSTART;TZID=Europe/Berlin:${time}`))?.start?.date.toISOString(); // prettier-ignore
    expect(at('20260328T120000')).toBe('2026-03-28T11:00:00.000Z');
    expect(at('20260329T040000')).toBe('2026-03-29T02:00:00.000Z');
    expect(at('20261025T040000')).toBe('2026-10-25T03:00:00.000Z');
    expect(at('20261024T235959')).toBe('2026-10-24T21:59:59.000Z');
  });

  it('names its organizer by name, else by address', () => {
    expect(invitationOf(event('ORGANIZER;CN=Carol:mailto:c@x.org'))?.organizer).toBe('Carol');
    expect(invitationOf(event('ORGANIZER:MAILTO:c@x.org'))?.organizer).toBe('c@x.org');
  });

  it('is not found in what is none, however it looks', () => {
    for (const text of ['', 'hello', 'BEGIN:VCALENDAR\nEND:VCALENDAR', 'x'.repeat(1_000_000)]) {
      expect(invitationOf(text)).toBeNull();
    }
    expect(invitationOf('BEGIN:VEVENT\nDTSTART:99999999T999999')?.start).not.toBeUndefined();
    expect(invitationOf(`BEGIN:VEVENT\n${';x='.repeat(50_000)}`)?.summary).toBe('');
  });
});
