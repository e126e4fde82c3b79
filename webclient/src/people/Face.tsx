import type { Contact } from '@/api/contacts';
import { Avatar } from '@/parts';
import { Building2, UsersRound } from 'lucide-react';

import { emailsOf, isGroup, nameOf, photoUrl } from './people';

/** The photo, or a letter. Decoration: the name stands beside it. */
export function Face({ contact, size }: { contact: Contact; size: number }) {
  const url = photoUrl(contact);
  if (url !== null) {
    return (
      <img
        src={url}
        alt=""
        width={size}
        height={size}
        loading="lazy"
        className="shrink-0 rounded-full object-cover"
        style={{ width: size, height: size }}
      />
    );
  }
  if (isGroup(contact) || contact.kind === 'org') {
    const Icon = isGroup(contact) ? UsersRound : Building2;
    return (
      <span
        aria-hidden
        className="inline-flex shrink-0 items-center justify-center rounded-full bg-sunken text-muted"
        style={{ width: size, height: size }}
      >
        <Icon size={size * 0.5} />
      </span>
    );
  }
  const name = nameOf(contact);
  return <Avatar name={name} address={emailsOf(contact)[0]?.address ?? name} size={size} />;
}
