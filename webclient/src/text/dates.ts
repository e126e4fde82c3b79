// Dates as a list shows them, by Intl in the person's language and zone.

const formatters = new Map<string, Intl.DateTimeFormat>();

function format(locale: string, options: Intl.DateTimeFormatOptions, date: Date): string {
  const key = `${locale} ${JSON.stringify(options)}`;
  let found = formatters.get(key);
  if (!found) {
    found = new Intl.DateTimeFormat(locale, options);
    formatters.set(key, found);
  }
  return found.format(date);
}

const DAY = 86_400_000;
const startOfDay = (date: Date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());

/** Today the time, in the last days the weekday, this year day and month, else the whole date. */
export function shortDate(locale: string, iso: string, now = new Date()): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return '';
  const days = Math.round((startOfDay(now).getTime() - startOfDay(date).getTime()) / DAY);
  if (days === 0) return format(locale, { hour: 'numeric', minute: '2-digit' }, date);
  if (days === 1) {
    return new Intl.RelativeTimeFormat(locale, { numeric: 'auto' }).format(-1, 'day');
  }
  if (days > 1 && days < 7) return format(locale, { weekday: 'long' }, date);
  if (date.getFullYear() === now.getFullYear()) {
    return format(locale, { day: 'numeric', month: 'short' }, date);
  }
  return format(locale, { day: '2-digit', month: '2-digit', year: '2-digit' }, date);
}

/** When something comes back: near days by their name, others by date; always with the time. */
export function snoozeDate(locale: string, iso: string, now = new Date()): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return '';
  const days = Math.round((startOfDay(date).getTime() - startOfDay(now).getTime()) / DAY);
  const time = { hour: 'numeric', minute: '2-digit' } as const;
  if (days === 0) return format(locale, time, date);
  if (days > 0 && days < 7) return format(locale, { weekday: 'short', ...time }, date);
  const year = date.getFullYear() === now.getFullYear() ? {} : ({ year: 'numeric' } as const);
  return format(locale, { day: 'numeric', month: 'short', ...year, ...time }, date);
}

export function longDate(locale: string, iso: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return '';
  return format(locale, { dateStyle: 'full', timeStyle: 'short' }, date);
}

export function mediumDate(locale: string, iso: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return '';
  return format(locale, { dateStyle: 'medium', timeStyle: 'short' }, date);
}

const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'];

/** Octets as people read them. */
export function size(locale: string, octets: number): string {
  let value = octets;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return new Intl.NumberFormat(locale, {
    style: 'unit',
    unit: UNITS[unit] ?? 'byte',
    unitDisplay: unit === 0 ? 'long' : 'short',
    maximumFractionDigits: unit === 0 || value >= 10 ? 0 : 1,
  }).format(value);
}
