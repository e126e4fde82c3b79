// A configuration profile for Apple's devices (Apple, "Mail payload settings", com.apple.mail.managed). No
// password is in it: the device asks for one.
import type { MailServer } from './servers';

const escape = (text: string) =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    // Letters that XML 1.0 §2.2 does not know.
    .replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '');

function dict(values: Record<string, string | number | boolean>, indent: string): string {
  return Object.entries(values)
    .map(([key, value]) => {
      const shown =
        typeof value === 'boolean'
          ? `<${String(value)}/>`
          : typeof value === 'number'
            ? `<integer>${value}</integer>`
            : `<string>${escape(value)}</string>`;
      return `${indent}<key>${key}</key>\n${indent}${shown}`;
    })
    .join('\n');
}

/** `ids`: two UUIDs, of the profile and of the account in it. */
export function appleProfile(
  person: { name: string; address: string },
  imap: MailServer,
  smtp: MailServer,
  ids: readonly [string, string],
): string {
  const account = dict(
    {
      PayloadType: 'com.apple.mail.managed',
      PayloadVersion: 1,
      PayloadIdentifier: `mail.${ids[1]}`,
      PayloadUUID: ids[1],
      PayloadDisplayName: person.address,
      EmailAccountType: 'EmailTypeIMAP',
      EmailAccountDescription: person.address,
      EmailAccountName: person.name,
      EmailAddress: person.address,
      IncomingMailServerAuthentication: 'EmailAuthPassword',
      IncomingMailServerHostName: imap.host,
      IncomingMailServerPortNumber: imap.port,
      IncomingMailServerUseSSL: true,
      IncomingMailServerUsername: person.address,
      OutgoingMailServerAuthentication: 'EmailAuthPassword',
      OutgoingMailServerHostName: smtp.host,
      OutgoingMailServerPortNumber: smtp.port,
      OutgoingMailServerUseSSL: true,
      OutgoingMailServerUsername: person.address,
      OutgoingPasswordSameAsIncomingPassword: true,
    },
    '      ',
  );
  const profile = dict(
    {
      PayloadType: 'Configuration',
      PayloadVersion: 1,
      PayloadIdentifier: `mail.${ids[0]}`,
      PayloadUUID: ids[0],
      PayloadDisplayName: person.address,
    },
    '  ',
  );
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
${profile}
  <key>PayloadContent</key>
  <array>
    <dict>
${account}
    </dict>
  </array>
</dict>
</plist>
`;
}
