// Uploads and downloads (RFC 8620 §6).
import { Offline, Problem } from './problems';
import { accountId, csrfHeader, endSession } from './session';
import type { Id } from './types';

export interface Uploaded {
  blobId: Id;
  type: string;
  size: number;
}

interface UploadOptions {
  type?: string;
  signal?: AbortSignal;
  /** 0 to 1. */
  onProgress?: (part: number) => void;
}

/** Uploads octets; XMLHttpRequest, because fetch tells nothing of what it has sent. */
export function upload(data: Blob, options: UploadOptions = {}): Promise<Uploaded> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', `/jmap/upload/${accountId()}/`);
    request.responseType = 'json';
    request.setRequestHeader(
      'Content-Type',
      options.type ?? (data.type || 'application/octet-stream'),
    );
    for (const [name, value] of Object.entries(csrfHeader())) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) options.onProgress?.(event.loaded / event.total);
    };
    request.onload = () => {
      const answer = request.response as Record<string, unknown> | null;
      if (request.status >= 200 && request.status < 300 && answer) {
        resolve(answer as unknown as Uploaded);
        return;
      }
      if (request.status === 401) endSession();
      const text = (value: unknown) => (typeof value === 'string' ? value : '');
      reject(
        new Problem(
          request.status,
          text(answer?.['title']) || request.statusText,
          text(answer?.['detail']),
          text(answer?.['type']) || 'about:blank',
        ),
      );
    };
    request.onerror = () => reject(new Offline('The upload broke off'));
    request.onabort = () => reject(new DOMException('Aborted', 'AbortError'));
    if (options.signal?.aborted) {
      reject(new DOMException('Aborted', 'AbortError'));
      return;
    }
    options.signal?.addEventListener('abort', () => request.abort(), { once: true });
    request.send(data);
  });
}

/** Where a blob is read; served as an attachment unless it is a raster image or plain text. */
export function downloadUrl(blobId: Id, name: string, type: string): string {
  const file = encodeURIComponent(name.replaceAll('/', '_') || 'file');
  return `/jmap/download/${accountId()}/${encodeURIComponent(blobId)}/${file}?type=${encodeURIComponent(type)}`;
}
