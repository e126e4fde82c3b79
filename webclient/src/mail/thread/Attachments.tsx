import { Download, File, FileArchive, FileImage, FileText } from 'lucide-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useIntl } from 'react-intl';

import { downloadUrl } from '@/api/blobs';
import { fetchOrThrow } from '@/api/problems';
import type { BodyPart } from '@/api/types';
import { neutral } from '@/body/links';
import { zip } from '@/body/zip';
import { Button, Dialog, ErrorState, errorText, IconButton, Loading, toast } from '@/parts';
import { size } from '@/text/dates';

const RASTER = /^image\/(png|jpeg|gif|webp|avif|bmp)$/;
const TEXT = /^text\/(plain|csv|markdown|x-log)$|^application\/json$/;
// Parts that have no name as a rule, called by what they are.
const UNNAMED: Record<string, string> = {
  'message/delivery-status': 'attachment.report',
  'message/global-delivery-status': 'attachment.report',
  'message/rfc822': 'attachment.message',
  'message/global': 'attachment.message',
  'text/rfc822-headers': 'attachment.headers',
  'message/global-headers': 'attachment.headers',
};
const MOST_TEXT = 200_000;
const BIG_IMAGE = 15_000_000;

/** The cards of what is attached: preview of images and text, download, all as one zip. */
export function Attachments({ parts }: { parts: readonly BodyPart[] }) {
  const intl = useIntl();
  const [shown, setShown] = useState<BodyPart | null>(null);
  const [packing, setPacking] = useState(false);
  const nameOf = (part: BodyPart) =>
    neutral(part.name ?? '') ||
    intl.formatMessage({ id: UNNAMED[part.type] ?? 'attachment.unnamed' });
  const urlOf = (part: BodyPart) => downloadUrl(part.blobId ?? '', nameOf(part), part.type);
  const all = async () => {
    setPacking(true);
    try {
      const entries = [];
      for (const part of parts) {
        const response = await fetchOrThrow(urlOf(part));
        entries.push({ name: nameOf(part), data: new Uint8Array(await response.arrayBuffer()) });
      }
      save(zip(entries, new Date()), intl.formatMessage({ id: 'attachments.zip.name' }));
    } catch (error) {
      toast(errorText(intl, error), { kind: 'error' });
    } finally {
      setPacking(false);
    }
  };
  return (
    <section
      className="px-5 pt-1 pb-4"
      aria-label={intl.formatMessage({ id: 'attachments' }, { count: parts.length })}
    >
      <div className="mb-2 flex items-center gap-3 border-t border-line pt-3 text-sm text-muted">
        <p className="flex-1">
          {intl.formatMessage({ id: 'attachments' }, { count: parts.length })}
        </p>
        {parts.length > 1 && (
          <Button
            kind="plain"
            icon={<FileArchive size={15} />}
            busy={packing}
            onClick={() => void all()}
            className="h-8 px-2 text-sm"
          >
            {intl.formatMessage({ id: 'attachments.zip' })}
          </Button>
        )}
      </div>
      <ul className="flex flex-wrap gap-2">
        {parts.map((part, at) => {
          const name = nameOf(part);
          const previews =
            (RASTER.test(part.type) && part.size < BIG_IMAGE) || TEXT.test(part.type);
          const inner = (
            <>
              {RASTER.test(part.type) && part.size < 2_000_000 ? (
                <img
                  src={urlOf(part)}
                  alt=""
                  loading="lazy"
                  className="size-10 rounded object-cover"
                />
              ) : (
                <span className="inline-flex size-10 shrink-0 items-center justify-center rounded bg-sunken text-muted">
                  {part.type.startsWith('image/') ? (
                    <FileImage size={18} />
                  ) : part.type.startsWith('text/') ? (
                    <FileText size={18} />
                  ) : (
                    <File size={18} />
                  )}
                </span>
              )}
              <span className="min-w-0 text-start">
                <bdi className="block truncate font-medium">{name}</bdi>{' '}
                <span className="text-xs text-muted">{size(intl.locale, part.size)}</span>
              </span>
            </>
          );
          // All that is seen is in what is said (WCAG 2.5.3).
          const shownName = `${name} ${size(intl.locale, part.size)}`;
          const box = 'flex min-w-0 flex-1 items-center gap-2.5 rounded-lg p-1.5 hover:bg-hover';
          return (
            <li
              key={`${part.blobId ?? ''} ${at}`}
              className="flex w-64 max-w-full items-center rounded-xl border border-line bg-surface pe-1"
            >
              {previews ? (
                <button
                  type="button"
                  className={box}
                  aria-label={intl.formatMessage({ id: 'attachment.preview' }, { name: shownName })}
                  onClick={() => setShown(part)}
                >
                  {inner}
                </button>
              ) : (
                <a
                  className={box}
                  href={urlOf(part)}
                  download={name}
                  aria-label={intl.formatMessage(
                    { id: 'attachment.download' },
                    { name: shownName },
                  )}
                >
                  {inner}
                </a>
              )}
              {previews && (
                <IconButton
                  small
                  label={intl.formatMessage({ id: 'attachment.download' }, { name })}
                  icon={<Download size={16} />}
                  onClick={() => follow(urlOf(part), name)}
                />
              )}
            </li>
          );
        })}
      </ul>
      {shown && (
        <Dialog
          open
          wide
          onClose={() => setShown(null)}
          title={nameOf(shown)}
          actions={
            <Button
              kind="primary"
              icon={<Download size={16} />}
              onClick={() => follow(urlOf(shown), nameOf(shown))}
            >
              {intl.formatMessage({ id: 'message.source.download' })}
            </Button>
          }
        >
          {RASTER.test(shown.type) ? (
            <img
              src={urlOf(shown)}
              alt={nameOf(shown)}
              className="mx-auto max-h-[70dvh] object-contain"
            />
          ) : (
            <TextPreview url={urlOf(shown)} />
          )}
        </Dialog>
      )}
    </section>
  );
}

/** The beginning of a text, as text. */
export function TextPreview({ url }: { url: string }) {
  const intl = useIntl();
  const { data, error, refetch } = useQuery({
    queryKey: ['text', url],
    queryFn: async () => {
      const response = await fetchOrThrow(url);
      // Only the beginning is read off the connection.
      const reader = response.body?.getReader();
      const decoder = new TextDecoder();
      let text = '';
      while (reader && text.length <= MOST_TEXT) {
        const { done, value } = await reader.read();
        if (done) return text + decoder.decode();
        text += decoder.decode(value, { stream: true });
      }
      await reader?.cancel();
      return text;
    },
    gcTime: 0,
  });
  if (error) return <ErrorState error={error} retry={() => void refetch()} />;
  if (data === undefined) return <Loading />;
  return (
    <>
      <pre dir="auto" className="text-sm wrap-anywhere whitespace-pre-wrap">
        {data.slice(0, MOST_TEXT)}
      </pre>
      {data.length > MOST_TEXT && (
        <p className="pt-2 text-muted">{intl.formatMessage({ id: 'attachment.cut' })}</p>
      )}
    </>
  );
}

/** Lets the browser download what an address holds. */
export function follow(url: string, name: string): void {
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
}

function save(data: Blob, name: string): void {
  const url = URL.createObjectURL(data);
  follow(url, name);
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
