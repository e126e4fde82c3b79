// What an invitation says (RFC 5545): so much of a calendar file as a person wants to see at once.

export interface Invitation {
  /** In capitals: REQUEST, CANCEL, REPLY, PUBLISH... (RFC 5546). */
  method: string;
  summary: string;
  location: string;
  organizer: string;
  start: Moment | null;
  end: Moment | null;
  repeats: boolean;
}

/** A day; a moment of the world; or a time in a zone that only its calendar knows ("floating" here). */
export type Moment =
  | { kind: 'day'; date: Date }
  | { kind: 'moment'; date: Date }
  | { kind: 'floating'; date: Date; zone: string };

interface Line {
  name: string;
  parameters: Map<string, string>;
  value: string;
}

const LONGEST = 200_000; // letters of a file that are read
const MOST = 5000; // lines

/** The first event of a calendar file; null: there is none. */
export function invitationOf(text: string): Invitation | null {
  const lines = linesOf(text);
  const begin = lines.findIndex((line) => line.name === 'BEGIN' && /^vevent$/i.test(line.value));
  if (begin < 0) return null;
  const rest = lines.slice(begin + 1);
  const end = rest.findIndex((line) => line.name === 'END' && /^vevent$/i.test(line.value));
  const event = outer(rest.slice(0, end < 0 ? rest.length : end));
  const field = (name: string) => event.find((line) => line.name === name);
  const words = (name: string) => unescaped(field(name)?.value ?? '');
  const organizer = field('ORGANIZER');
  return {
    method: (lines.find((line) => line.name === 'METHOD')?.value ?? 'PUBLISH').trim().toUpperCase(),
    summary: words('SUMMARY'),
    location: words('LOCATION'),
    organizer: organizer?.parameters.get('CN') ?? organizer?.value.replace(/^mailto:/i, '') ?? '',
    start: momentOf(field('DTSTART')),
    end: momentOf(field('DTEND')),
    repeats: field('RRULE') !== undefined,
  };
}

/** Without what stands in components within, such as alarms. */
function outer(lines: readonly Line[]): Line[] {
  let depth = 0;
  return lines.filter(({ name }) => {
    if (name === 'BEGIN') depth += 1;
    const own = depth === 0;
    if (name === 'END') depth -= 1;
    return own;
  });
}

function linesOf(text: string): Line[] {
  const unfolded = text.slice(0, LONGEST).replace(/\r?\n[ \t]/g, '');
  return unfolded
    .split(/\r?\n/)
    .slice(0, MOST)
    .flatMap((line) => {
      // A colon within quotes belongs to a parameter.
      const found = /^([A-Za-z0-9-]+)((?:;[A-Za-z0-9-]+=(?:"[^"]*"|[^":;])*)*):(.*)$/.exec(line);
      if (!found) return [];
      const [, name = '', parameters = '', value = ''] = found;
      return [{ name: name.toUpperCase(), parameters: parametersOf(parameters), value }];
    });
}

function parametersOf(text: string): Map<string, string> {
  const all = text.matchAll(/;([A-Za-z0-9-]+)=("[^"]*"|[^";]*)/g);
  return new Map([...all].map(([, name = '', value = '']) => [name.toUpperCase(), value.replaceAll('"', '')])); // prettier-ignore
}

const unescaped = (text: string) =>
  text.replace(/\\([\\;,nN])/g, (_, char: string) => (/n/i.test(char) ? '\n' : char)).trim();

/** RFC 5545 §3.3.4, §3.3.5. */
function momentOf(line: Line | undefined): Moment | null {
  const found = /^(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)(Z?))?$/.exec(line?.value.trim() ?? '');
  if (!found) return null;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = found.slice(1, 7).map(Number); // prettier-ignore
  if (found[4] === undefined)
    return { kind: 'day', date: new Date(Date.UTC(year, month - 1, day)) };
  const utc = Date.UTC(year, month - 1, day, hour, minute, second);
  if (found[7] === 'Z') return { kind: 'moment', date: new Date(utc) };
  const zone = line?.parameters.get('TZID') ?? '';
  const offset = zone === '' ? null : offsetOf(zone, utc);
  if (offset === null) return { kind: 'floating', date: new Date(utc), zone };
  // The offset at that time of the clock, found from a time that is near to it.
  return { kind: 'moment', date: new Date(utc - (offsetOf(zone, utc - offset) ?? offset)) };
}

/** Milliseconds that the clocks of a zone are ahead of UTC; null: the browser does not know it. */
function offsetOf(zone: string, at: number): number | null {
  try {
    const parts = new Intl.DateTimeFormat('en', {
      timeZone: zone,
      hourCycle: 'h23',
      ...{ year: 'numeric', month: 'numeric', day: 'numeric' },
      ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
    }).formatToParts(at);
    const part = (type: string) => Number(parts.find((each) => each.type === type)?.value);
    const there = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second')); // prettier-ignore
    return there - Math.floor(at / 1000) * 1000;
  } catch {
    return null;
  }
}
