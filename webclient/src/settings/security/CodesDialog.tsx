import { Download } from 'lucide-react';
import { useIntl } from 'react-intl';

import { useMe } from '@/api/session';
import { Button, Dialog } from '@/parts';
import { CopyButton } from '@/parts/Copied';

import { saveFile } from '../save-file';

/** Recovery codes, shown this once. */
export function CodesDialog({ codes, onClose }: { codes: string[]; onClose: () => void }) {
  const intl = useIntl();
  const me = useMe();
  const t = (id: string) => intl.formatMessage({ id });
  const text = codes.join('\n');
  return (
    <Dialog
      open
      onClose={onClose}
      title={t('codes.title')}
      text={t('codes.text')}
      actions={
        <>
          <CopyButton value={text} label={t('codes.title')} />
          <Button
            icon={<Download size={16} />}
            onClick={() =>
              saveFile(
                `recovery-codes-${me.address}.txt`,
                new Blob([`${me.address}\n\n${text}\n`], { type: 'text/plain' }),
              )
            }
          >
            {t('download')}
          </Button>
          <Button kind="primary" onClick={onClose}>
            {t('done')}
          </Button>
        </>
      }
    >
      <ol dir="ltr" className="grid grid-cols-2 gap-2 rounded-lg bg-sunken p-4">
        {codes.map((each) => (
          <li key={each} className="text-center font-mono select-all">
            {each}
          </li>
        ))}
      </ol>
    </Dialog>
  );
}
