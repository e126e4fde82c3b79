import { describe, expect, it } from 'vitest';

import type { BodyPart, EmailBody } from '@/api/types';

import { protectionOf } from './protection';

const part = (type: string, partId: string | null = null): BodyPart => ({
  ...{ partId, blobId: 'B', size: 1, name: null, type, charset: null, disposition: null },
  cid: null,
});
const body = (types: string[], text = ''): EmailBody => ({
  ...{ id: 'M1', messageId: null, inReplyTo: null, references: null, bcc: null, replyTo: null },
  ...{ sender: null, htmlBody: [], attachments: types.map((type) => part(type)) },
  textBody: [part('text/plain', '1')],
  bodyValues: { 1: { value: text, isEncodingProblem: false, isTruncated: false } },
  'header:List-Unsubscribe:asURLs': null,
  'header:List-Unsubscribe-Post:asText': null,
  'header:List-Id:asText': null,
  'header:List-Post:asURLs': null,
  'header:Mail-Followup-To:asAddresses': null,
  'header:Auto-Submitted:asText': null,
});

describe('a protected message', () => {
  it.each([
    ['application/pgp-encrypted', 'encrypted', 'OpenPGP'],
    ['application/pkcs7-mime', 'encrypted', 'S/MIME'],
    ['application/x-pkcs7-mime', 'encrypted', 'S/MIME'],
    ['application/pgp-signature', 'signed', 'OpenPGP'],
    ['application/pkcs7-signature', 'signed', 'S/MIME'],
  ])('is known by its part %s', (type, kind, by) => {
    expect(protectionOf(body([type, 'application/octet-stream']))).toEqual({ kind, by });
  });

  it('is known by the armour in its text', () => {
    const armour = (what: string) => `Hello\r\n-----BEGIN PGP ${what}-----\r\nx\r\n`;
    expect(protectionOf(body([], armour('MESSAGE')))?.kind).toBe('encrypted');
    expect(protectionOf(body([], armour('SIGNED MESSAGE')))?.kind).toBe('signed');
    expect(protectionOf(body([], `> -----BEGIN PGP MESSAGE-----\n`))).toBeNull();
  });

  it('is told from others', () => {
    expect(protectionOf(body(['image/png', 'application/pgp-keys'], 'Hi'))).toBeNull();
  });
});
