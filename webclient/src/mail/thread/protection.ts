// Whether a message is encrypted or signed, by the forms of its parts. Nothing is decrypted or checked here.
import type { EmailBody } from '@/api/types';

export interface Protection {
  /** `signed`: says that it is; the signature is not looked at. */
  kind: 'encrypted' | 'signed';
  by: 'OpenPGP' | 'S/MIME';
}

const INLINE = /^-----BEGIN PGP (MESSAGE|SIGNED MESSAGE)-----\r?$/m;

/** RFC 3156, RFC 8551, and OpenPGP armour in the text (RFC 9580 §6.2). */
export function protectionOf(body: EmailBody): Protection | null {
  const parts = [...body.attachments, ...body.textBody, ...body.htmlBody];
  const has = (type: RegExp) => parts.some((part) => type.test(part.type));
  if (has(/^application\/pgp-encrypted$/)) return { kind: 'encrypted', by: 'OpenPGP' };
  if (has(/^application\/(x-)?pkcs7-signature$/)) return { kind: 'signed', by: 'S/MIME' };
  if (has(/^application\/(x-)?pkcs7-mime$/)) {
    // Programs call what is only signed smime.p7m as well; without any text nothing is to be read here.
    return { kind: 'encrypted', by: 'S/MIME' };
  }
  if (has(/^application\/pgp-signature$/)) return { kind: 'signed', by: 'OpenPGP' };
  for (const { partId } of body.textBody) {
    const found = INLINE.exec(body.bodyValues[partId ?? '']?.value.slice(0, 10_000) ?? '');
    if (found) return { kind: found[1] === 'MESSAGE' ? 'encrypted' : 'signed', by: 'OpenPGP' };
  }
  return null;
}
