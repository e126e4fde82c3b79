import { Download, Upload } from 'lucide-react';
import { type DragEvent, useRef, useState } from 'react';
import { useIntl } from 'react-intl';

import { type MailboxNode, useMailboxTree } from '@/api/mailboxes';
import { useMe } from '@/api/session';
import { Button, cx, Select, Switch } from '@/parts';
import { Section } from '@/parts/Section';
import { mailboxName } from '@/text/mailbox-name';

import { saveFile } from '../save-file';
import { exportMbox } from './export';
import { importFiles } from './import';
import { transfer, useTransfer } from './transfer';
import { TransferState } from './TransferState';

/** Mail in files: into a folder, and out of one. */
export function DataPage() {
  return (
    <>
      <ImportSection />
      <ExportSection />
    </>
  );
}

function useFolders(): { value: string; label: string }[] {
  const intl = useIntl();
  const flat = (nodes: MailboxNode[], above: string): { value: string; label: string }[] =>
    nodes.flatMap((node) => {
      const label = above + mailboxName(intl, node.mailbox);
      return [{ value: node.mailbox.id, label }, ...flat(node.children, `${label} / `)];
    });
  return flat(useMailboxTree(), '');
}

function useRunning(): boolean {
  return useTransfer((state) => state.transfer?.state === 'running');
}

function ImportSection() {
  const intl = useIntl();
  const folders = useFolders();
  const running = useRunning();
  const input = useRef<HTMLInputElement>(null);
  const [chosen, setChosen] = useState('');
  const [seen, setSeen] = useState(true);
  const [over, setOver] = useState(false);
  const t = (id: string) => intl.formatMessage({ id: `settings.data.${id}` });
  const folder = folders.find((each) => each.value === chosen) ?? folders[0];
  const take = (files: File[]) => {
    if (!folder || files.length === 0) return;
    void transfer('import', (report, signal) =>
      importFiles(
        files,
        { mailboxId: folder.value, seen },
        ({ done, failed, read, total }) =>
          report.progress({ done, failed, part: total > 0 ? read / total : 1 }),
        report.refused,
        signal,
      ),
    );
  };
  const onDrop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    if (!running) take([...event.dataTransfer.files]);
  };
  return (
    <Section title={t('import')} text={t('import.text')}>
      <Select
        label={t('import.into')}
        value={folder?.value ?? ''}
        disabled={running}
        options={folders}
        onValue={setChosen}
      />
      <Switch label={t('import.seen')} checked={seen} disabled={running} onChange={setSeen} />
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- the button does the same */}
      <div
        role="group"
        aria-label={t('import')}
        className={cx(
          'flex flex-col items-center gap-3 rounded-xl border-2 border-dashed p-6 text-center',
          over ? 'border-accent bg-accent-soft' : 'border-line-strong',
        )}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={onDrop}
      >
        <p className="text-muted">{t('import.drop')}</p>
        <Button
          kind="primary"
          icon={<Upload size={16} />}
          disabled={running || !folder}
          onClick={() => input.current?.click()}
        >
          {t('import.choose')}
        </Button>
        <input
          ref={input}
          type="file"
          multiple
          hidden
          accept=".eml,.mbox,.mbx,message/rfc822,application/mbox"
          aria-label={t('import.choose')}
          onChange={(event) => {
            take([...(event.target.files ?? [])]);
            event.target.value = '';
          }}
        />
      </div>
      <TransferState kind="import" />
    </Section>
  );
}

const ALL = '';

function ExportSection() {
  const intl = useIntl();
  const me = useMe();
  const folders = useFolders();
  const running = useRunning();
  const [chosen, setChosen] = useState(ALL);
  const t = (id: string) => intl.formatMessage({ id: `settings.data.${id}` });
  const run = () => {
    const folder = folders.find((each) => each.value === chosen);
    const name = [me.address, folder?.label].filter(Boolean).join(' - ');
    void transfer('export', async (report, signal) => {
      const file = await exportMbox(
        folder ? { inMailbox: folder.value } : null,
        (done, total) => report.progress({ done, failed: 0, part: total > 0 ? done / total : 1 }),
        signal,
      );
      saveFile(`${name}.mbox`, file);
    });
  };
  return (
    <Section title={t('export')} text={t('export.text')}>
      <Select
        label={t('export.from')}
        value={chosen}
        disabled={running}
        options={[{ value: ALL, label: t('export.all') }, ...folders]}
        onValue={setChosen}
      />
      <div>
        <Button icon={<Download size={16} />} disabled={running} onClick={run}>
          {t('export.do')}
        </Button>
      </div>
      <TransferState kind="export" />
    </Section>
  );
}
