import { useIntl } from 'react-intl';

import { type Settings, useSettings } from '@/api/settings';
import { Select } from '@/parts';
import { Choice } from '@/parts/Choice';
import { Section } from '@/parts/Section';

import { useIdentities } from './identities/identities';
import { useChange } from './use-change';

const UNDO: Settings['undoSeconds'][] = [0, 5, 10, 20, 30];

/** Undoing a send, rich or plain text, who one is at first. */
export function WritingPage() {
  const intl = useIntl();
  const change = useChange();
  const chosen = useSettings();
  const identities = useIdentities().data ?? [];
  const t = (id: string) => intl.formatMessage({ id: `settings.writing.${id}` });
  return (
    <>
      <Section title={t('sending')}>
        <Select
          label={t('undo')}
          text={t('undo.text')}
          value={chosen.undoSeconds}
          options={UNDO.map((value) => ({
            value,
            label: intl.formatMessage({ id: 'settings.writing.undo.seconds' }, { value }),
          }))}
          onValue={(undoSeconds) => change({ undoSeconds })}
        />
      </Section>
      <Section title={t('new')}>
        <Choice
          label={t('format')}
          value={chosen.composeFormat}
          options={[
            { value: 'rich', label: t('format.rich') },
            { value: 'plain', label: t('format.plain') },
          ]}
          onValue={(composeFormat) => change({ composeFormat })}
        />
        <Select
          label={t('identity')}
          text={t('identity.text')}
          value={
            identities.some((each) => each.id === chosen.defaultIdentity)
              ? (chosen.defaultIdentity ?? '')
              : (identities[0]?.id ?? '')
          }
          disabled={identities.length === 0}
          options={identities.map((each) => ({
            value: each.id,
            label: each.name ? `${each.name} <${each.email}>` : each.email,
          }))}
          onValue={(defaultIdentity) => change({ defaultIdentity })}
        />
      </Section>
    </>
  );
}
