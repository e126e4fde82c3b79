// From, to whom, about what.
import { useState } from 'react';
import { useIntl } from 'react-intl';

import type { Identity } from '@/api/types';

import { type Draft, type Field, FIELDS } from './draft';
import { Recipients } from './Recipients';
import type { DraftHandle } from './use-draft';

interface FieldsProps {
  draft: Draft;
  identities: Identity[];
  change: DraftHandle['change'];
  onIdentity: (identity: Identity) => void;
  focus: boolean;
}

const LINE = 'flex items-center gap-2 border-b border-line px-3';

export function Fields({ draft, identities, change, onIdentity, focus }: FieldsProps) {
  const intl = useIntl();
  const t = (id: string) => intl.formatMessage({ id });
  const [asked, setAsked] = useState<Field | null>(null);
  const [more, setMore] = useState<ReadonlySet<Field>>(new Set());
  const shown = FIELDS.filter(
    (field) => field === 'to' || more.has(field) || draft[field].length > 0 || draft.pending[field],
  );
  const hidden = FIELDS.filter((field) => !shown.includes(field));
  return (
    <div className="shrink-0">
      {identities.length > 1 && (
        <label className={LINE}>
          <span className="text-sm text-muted">{t('compose.from')}</span>
          <select
            className="h-9 min-w-0 flex-1 bg-surface touch:h-11"
            value={draft.identityId ?? ''}
            onChange={(event) => {
              const chosen = identities.find((each) => each.id === event.target.value);
              if (chosen) onIdentity(chosen);
            }}
          >
            {identities.map((each) => (
              <option key={each.id} value={each.id}>
                {each.name ? `${each.name} <${each.email}>` : each.email}
              </option>
            ))}
          </select>
        </label>
      )}
      {shown.map((field) => (
        <Recipients
          key={field}
          label={t(`compose.${field}`)}
          list={draft[field]}
          pending={draft.pending[field]}
          focus={field === asked || (field === 'to' && focus && asked === null)}
          onChange={(list, pending) =>
            change((now) => ({ [field]: list, pending: { ...now.pending, [field]: pending } }))
          }
          after={
            field === 'to' &&
            hidden.map((each) => (
              <button
                key={each}
                type="button"
                className="h-7 rounded px-1.5 text-sm text-muted hover:bg-hover hover:text-ink touch:h-11 touch:px-3"
                onClick={() => {
                  setMore(new Set([...more, each]));
                  setAsked(each);
                }}
              >
                {t(`compose.${each}`)}
              </button>
            ))
          }
        />
      ))}
      <label className={LINE}>
        <span className="text-sm text-muted">{t('compose.subject')}</span>
        <input
          type="text"
          dir="auto"
          autoComplete="off"
          className="h-9 min-w-0 flex-1 bg-transparent font-medium outline-none touch:h-11"
          value={draft.subject}
          onChange={(event) => change({ subject: event.target.value })}
        />
      </label>
    </div>
  );
}
