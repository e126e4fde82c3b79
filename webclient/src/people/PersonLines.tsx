// What is known of somebody, line by line.
import { AtSign, Cake, Globe, MapPin, MessageCircle, Phone, StickyNote } from 'lucide-react';
import type { ReactNode } from 'react';
import { useIntl } from 'react-intl';

import type { Card, CardDate, CardPhone, CardPlace } from '@/api/contacts';
import { neutral } from '@/body/links';
import { openComposer } from '@/mail/compose/store';

import { byPreference, nameOf } from './people';

const LINK =
  'inline-flex min-h-6 items-center text-start text-accent underline-offset-2 hover:underline wrap-anywhere touch:min-h-11';

export function PersonLines({ card }: { card: Card }) {
  const intl = useIntl();
  const type = useTypeText();
  const t = (id: string) => intl.formatMessage({ id: `people.${id}` });
  const name = nameOf(card);
  return (
    <dl className="flex flex-col divide-y divide-line rounded-xl border border-line empty:hidden dark:bg-raised/40">
      {byPreference(card.emails).map(([key, email]) => (
        <Line key={`e${key}`} icon={<AtSign size={18} />} label={type(email) || t('email')}>
          <button
            type="button"
            className={LINK}
            onClick={() => openComposer({ kind: 'new', to: [{ name, email: email.address }] })}
          >
            <bdi>{neutral(email.address)}</bdi>
          </button>
        </Line>
      ))}
      {byPreference(card.phones).map(([key, phone]) => (
        <Line key={`p${key}`} icon={<Phone size={18} />} label={type(phone) || t('phone')}>
          <a
            className={LINK}
            href={`tel:${phone.number.replace(/^tel:/i, '').replace(/[^\d+*#]/g, '')}`}
          >
            <bdi>{neutral(phone.number.replace(/^tel:/i, ''))}</bdi>
          </a>
        </Line>
      ))}
      {Object.entries(card.addresses ?? {}).map(([key, place]) => (
        <Line key={`a${key}`} icon={<MapPin size={18} />} label={type(place) || t('place')}>
          <span dir="auto" className="whitespace-pre-line">
            {neutral(placeText(place))}
          </span>
        </Line>
      ))}
      {Object.entries(card.anniversaries ?? {}).map(([key, { kind, date }]) => (
        <Line
          key={`d${key}`}
          icon={<Cake size={18} />}
          label={t(`day.${['birth', 'death', 'wedding'].includes(kind) ? kind : 'other'}`)}
        >
          {dayText(intl.locale, date)}
        </Line>
      ))}
      {Object.entries(card.links ?? {}).map(([key, link]) => (
        <Line key={`l${key}`} icon={<Globe size={18} />} label={type(link) || t('link')}>
          <Address uri={link.uri} />
        </Line>
      ))}
      {Object.entries(card.onlineServices ?? {}).map(([key, service]) => (
        <Line
          key={`s${key}`}
          icon={<MessageCircle size={18} />}
          label={service.service ?? (type(service) || t('service'))}
        >
          <Address uri={service.uri ?? ''} text={service.user} />
        </Line>
      ))}
      {Object.entries(card.notes ?? {}).map(([key, { note }]) => (
        <Line key={`n${key}`} icon={<StickyNote size={18} />} label={t('notes')}>
          <span dir="auto" className="whitespace-pre-line">
            {neutral(note)}
          </span>
        </Line>
      ))}
    </dl>
  );
}

function Line({ icon, label, children }: { icon: ReactNode; label: string; children: ReactNode }) {
  return (
    <div className="relative py-2.5 ps-13 pe-4">
      <dt dir="auto" className="text-sm text-muted">
        <span aria-hidden className="absolute inset-s-4 top-4">
          {icon}
        </span>
        {label}
      </dt>
      <dd className="wrap-anywhere">{children}</dd>
    </div>
  );
}

/** An address of the web is followed; others (of programs) only shown. */
function Address({ uri, text }: { uri: string; text?: string | undefined }) {
  const shown = neutral(text ?? uri);
  const full = /^https?:\/\//i.test(uri)
    ? uri
    : /^[\w-]+(\.[\w-]+)+(\/\S*)?$/.test(uri)
      ? `https://${uri}`
      : '';
  if (full === '') return <bdi>{shown}</bdi>;
  return (
    <a className={LINK} href={full} target="_blank" rel="noopener noreferrer">
      <bdi>{shown}</bdi>
    </a>
  );
}

type Typed = Pick<CardPhone, 'contexts' | 'features' | 'label'>;

/** "Work, fax": the label that somebody gave, or what the card says. */
function useTypeText() {
  const intl = useIntl();
  return (entry: Typed): string => {
    if (entry.label) return neutral(entry.label);
    const known = ['mobile', 'fax', 'pager', 'private', 'work'];
    const types = [...Object.keys(entry.features ?? {}), ...Object.keys(entry.contexts ?? {})];
    const found = known.filter((each) => types.includes(each));
    if (found.length === 0) return '';
    return intl.formatList(
      found.map((each) => intl.formatMessage({ id: `people.type.${each}` })),
      { type: 'unit' },
    );
  };
}

/** As it is written there, else its parts in the usual order, a line each. */
export function placeText(place: CardPlace): string {
  const parts = place.components ?? [];
  if (parts.length === 0) return place.full ?? '';
  const of = (...kinds: string[]) =>
    parts
      .filter(({ kind }) => kinds.includes(kind))
      .map(({ value }) => value)
      .join(' ');
  const known = ['name', 'number', 'postcode', 'locality', 'region', 'country', 'separator'];
  const more = parts.filter(({ kind }) => !known.includes(kind)).map(({ value }) => value);
  return [of('name', 'number'), ...more, of('postcode', 'locality'), of('region'), of('country')]
    .map((each) => each.trim())
    .filter((each) => each !== '')
    .join('\n');
}

export function dayText(locale: string, date: CardDate): string {
  if (date.utc) {
    return new Intl.DateTimeFormat(locale, { dateStyle: 'long' }).format(new Date(date.utc));
  }
  const { year, month, day } = date;
  const at = new Date(Date.UTC(2000, (month ?? 1) - 1, day ?? 1));
  at.setUTCFullYear(year ?? 2000);
  return new Intl.DateTimeFormat(locale, {
    timeZone: 'UTC',
    ...(year === undefined ? {} : { year: 'numeric' }),
    ...(month === undefined ? {} : { month: 'long' }),
    ...(day === undefined ? {} : { day: 'numeric' }),
  }).format(at);
}
