import { useIntl } from 'react-intl';

import { useSettings } from '@/api/settings';
import { Select, Switch } from '@/parts';
import { Section } from '@/parts/Section';

import { AddressList } from './AddressList';
import { useChange } from './use-change';

const READ_AFTER = [0, 1, 3, 5, 10, 30];

/** When a message counts as read, images from elsewhere, colours, links. */
export function ReadingPage() {
  const intl = useIntl();
  const change = useChange();
  const chosen = useSettings();
  const t = (id: string) => intl.formatMessage({ id: `settings.reading.${id}` });
  const seconds = [...new Set([...READ_AFTER, Math.max(0, chosen.markReadAfter)])].sort(
    (a, b) => a - b,
  );
  return (
    <>
      <Section title={t('opening')}>
        <Select
          label={t('mark-read')}
          value={chosen.markReadAfter}
          options={[
            ...seconds.map((value) => ({
              value,
              label: intl.formatMessage({ id: 'settings.reading.mark-read.after' }, { value }),
            })),
            { value: -1, label: t('mark-read.never') },
          ]}
          onValue={(markReadAfter) => change({ markReadAfter })}
        />
        <Switch
          label={t('links')}
          text={t('links.text')}
          checked={chosen.askBeforeOddLinks}
          onChange={(askBeforeOddLinks) => change({ askBeforeOddLinks })}
        />
      </Section>
      <Section title={t('images')} text={t('images.text')}>
        <Select
          label={t('images.show')}
          value={chosen.remoteImages}
          options={[
            { value: 'ask', label: t('images.ask') },
            { value: 'trusted', label: t('images.trusted') },
            { value: 'always', label: t('images.always') },
          ]}
          onValue={(remoteImages) => change({ remoteImages })}
        />
        <AddressList
          label={t('trusted')}
          empty={t('trusted.none')}
          addresses={chosen.trustedSenders}
          onChange={(trustedSenders) => change({ trustedSenders })}
        />
      </Section>
      <Section title={t('dark')}>
        <Switch
          label={t('dark.bodies')}
          text={t('dark.bodies.text')}
          checked={chosen.darkBodies}
          onChange={(darkBodies) => change({ darkBodies })}
        />
        <AddressList
          label={t('original')}
          empty={t('original.none')}
          addresses={chosen.originalColours}
          onChange={(originalColours) => change({ originalColours })}
        />
      </Section>
    </>
  );
}
