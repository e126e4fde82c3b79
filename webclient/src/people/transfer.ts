// Contacts in and out as vCards.
import { upload } from '@/api/blobs';
import { apiV1 } from '@/api/v1';
import type { Id } from '@/api/types';

export interface Imported {
  created: number;
  updated: number;
  unchanged: number;
  failed: number;
  faults: { file: string; line: number; name: string; detail: string }[];
}

/** Takes the cards of all files; `onPart` hears how much of the upload is done, 0 to 1. */
export async function importCards(
  files: readonly File[],
  onPart: (part: number) => void,
  signal: AbortSignal,
): Promise<Imported> {
  const done: Imported = { created: 0, updated: 0, unchanged: 0, failed: 0, faults: [] };
  const total = files.reduce((sum, { size }) => sum + size, 0) || 1;
  let before = 0;
  for (const file of files) {
    const { blobId } = await upload(file, {
      type: 'text/vcard',
      signal,
      onProgress: (part) => onPart((before + part * file.size) / total),
    });
    before += file.size;
    const answer = await apiV1<Imported>('POST', '/contacts/import', { body: { blobId }, signal });
    done.created += answer.created;
    done.updated += answer.updated;
    done.unchanged += answer.unchanged;
    done.failed += answer.failed;
    done.faults.push(...answer.faults.map((each) => ({ ...each, file: file.name })));
  }
  return done;
}

export const isVCard = (file: File): boolean =>
  /\.(vcf|vcard)$/i.test(file.name) || /^text\/(x-)?vcard\b/i.test(file.type);

/** Saves all contacts, or some, as a file. */
export function exportCards(ids?: readonly Id[]): void {
  const link = document.createElement('a');
  link.href = `/api/v1/contacts/export${ids ? `?ids=${ids.join(',')}` : ''}`;
  link.download = 'contacts.vcf';
  link.click();
}
