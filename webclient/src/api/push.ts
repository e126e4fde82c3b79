// Web push to this browser, also when no page of ours is open (RFC 8620 §7.2, RFC 9749).
import { jmap, throwSetError } from './jmap';
import { accountId, useSession } from './session';
import type { Id, SetResponse } from './types';

const VAPID = 'urn:ietf:params:jmap:webpush-vapid';
const DEVICE = 'device'; // in localStorage: nothing of mail, only which of one's browsers this is
const WHOSE = 'push'; // in localStorage: the account that wanted it here
const FAR = 30 * 86_400_000; // milliseconds; the server shortens it to what it allows

interface Subscription {
  id: Id;
  deviceClientId: string;
}

/** The key that pushes are signed with; undefined: the server or the browser has no web push. */
export function pushKey(): string | undefined {
  const key = useSession.getState().jmap?.capabilities[VAPID]?.['applicationServerKey'];
  return typeof key === 'string' && 'PushManager' in window && 'serviceWorker' in navigator
    ? key
    : undefined;
}

async function registration(): Promise<ServiceWorkerRegistration | undefined> {
  return navigator.serviceWorker.getRegistration('/');
}

export async function isPushed(): Promise<boolean> {
  if (pushKey() === undefined || localStorage.getItem(WHOSE) !== accountId()) return false;
  return (await (await registration())?.pushManager.getSubscription()) != null;
}

function device(): string {
  const known = localStorage.getItem(DEVICE);
  if (known !== null) return known;
  const made = [...crypto.getRandomValues(new Uint8Array(12))]
    .map((each) => each.toString(16).padStart(2, '0'))
    .join('');
  localStorage.setItem(DEVICE, made);
  return made;
}

// These methods know no account (RFC 8620 §7.2).
const call = <T>(name: string, args: Record<string, unknown>) =>
  jmap<T>(name, { ...args, accountId: undefined });

/** Those of the server for this browser. */
async function known(): Promise<Subscription[]> {
  const { list } = await call<{ list: Subscription[] }>('PushSubscription/get', {
    ids: null,
    properties: ['id', 'deviceClientId'],
  });
  const here = device();
  return list.filter((each) => each.deviceClientId === here);
}

/** Asks the browser's push service for an address and gives it to the server. Throws. */
export async function startPush(): Promise<void> {
  const key = pushKey();
  const worker = await registration();
  if (key === undefined || !worker) throw new Error('There is no web push here');
  const subscription = await worker.pushManager.subscribe({
    userVisibleOnly: true,
    applicationServerKey: key,
  });
  const { endpoint, keys } = subscription.toJSON();
  const before = await known();
  const answer = await call<SetResponse>('PushSubscription/set', {
    destroy: before.map((each) => each.id),
    create: {
      new: {
        deviceClientId: device(),
        url: endpoint,
        keys: { p256dh: keys?.['p256dh'], auth: keys?.['auth'] },
        types: ['EmailDelivery'],
        expires: null,
      },
    },
  });
  throwSetError(answer.notCreated);
  localStorage.setItem(WHOSE, accountId());
}

export async function stopPush(): Promise<void> {
  localStorage.removeItem(WHOSE);
  await (await (await registration())?.pushManager.getSubscription())?.unsubscribe();
  const destroy = (await known()).map((each) => each.id);
  if (destroy.length > 0) await call('PushSubscription/set', { destroy });
}

/** Once a start: it would end after a month. One that the server forgot, with the session, is made anew. */
export async function renewPush(): Promise<void> {
  if (!(await isPushed())) return;
  const [subscription] = await known();
  if (!subscription) return startPush();
  const expires = new Date(Date.now() + FAR).toISOString().replace(/\.\d+Z$/, 'Z');
  await call('PushSubscription/set', { update: { [subscription.id]: { expires } } });
}
