// Times to be reminded at, in the person's own zone.

const MORNING = 8;
const EVENING = 18;
const DAYS_TO_SATURDAY = (now: Date) => (6 - now.getDay() + 7) % 7;

export type PresetId = 'later' | 'evening' | 'tomorrow' | 'weekend' | 'next-week';

/** `hour` o'clock, so many days on; in zones with summer time as well. */
function at(now: Date, days: number, hour: number): Date {
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() + days, hour);
}

/** Those that make sense now, soonest first; none stands for a time that another stands for. */
export function snoozeTimes(now: Date): { id: PresetId; at: Date }[] {
  const found: { id: PresetId; at: Date }[] = [];
  // In three hours and until the next full one, as long as that is today and people are awake.
  const later = new Date(now.getFullYear(), now.getMonth(), now.getDate(), now.getHours() + 4);
  const evening = at(now, 0, EVENING);
  if (later < evening) found.push({ id: 'later', at: later });
  if (evening.getTime() - now.getTime() > 3_600_000) found.push({ id: 'evening', at: evening });
  else if (later < at(now, 0, 23)) found.push({ id: 'later', at: later });
  found.push({ id: 'tomorrow', at: at(now, 1, MORNING) });
  // On Friday the weekend is tomorrow, on Saturday and Sunday it has begun.
  const saturday = DAYS_TO_SATURDAY(now);
  if (saturday > 1 && saturday < 6) found.push({ id: 'weekend', at: at(now, saturday, MORNING) });
  const monday = (8 - now.getDay()) % 7 || 7;
  if (monday > 1) found.push({ id: 'next-week', at: at(now, monday, MORNING) });
  return found;
}

/** As JMAP's UTCDate. */
export const utcDate = (time: Date): string => time.toISOString().replace(/\.\d+Z$/, 'Z');
