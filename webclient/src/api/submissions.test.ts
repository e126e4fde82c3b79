import { describe, expect, it } from 'vitest';

import { identityFor, isOwn } from './submissions';
import type { Identity } from './types';

const identity = (id: string, email: string): Identity => ({
  ...{ id, email, name: '', replyTo: null, bcc: null, textSignature: '', htmlSignature: '' },
  mayDelete: true,
});
const own = [identity('1', 'me@x.org'), identity('2', 'Shop@x.org'), identity('3', 'me@y.org')];
const chosen = (addressed: string[], preferred: string | null = null) =>
  identityFor(own, addressed.map((email) => ({ name: null, email })), preferred)?.id; // prettier-ignore

describe('the identity that answers', () => {
  it('is the one that the message went to, in the order of its recipients', () => {
    expect(chosen(['bob@x.org', 'ME@y.org', 'me@x.org'])).toBe('3');
    expect(chosen(['shop@X.ORG'])).toBe('2');
  });

  it('is found behind a sub-address, unless that is an identity of its own', () => {
    expect(chosen(['me+lists@y.org'])).toBe('3');
    expect(chosen(['me+lists@y.org', 'shop@x.org'])).toBe('2');
  });

  it('is the preferred one when none was named, or the first', () => {
    expect(chosen(['list@lists.org'], '2')).toBe('2');
    expect(chosen(['list@lists.org'], 'gone')).toBe('1');
    expect(identityFor([], [])).toBeUndefined();
  });
});

it('tells one\'s own addresses from others', () => {
  expect(isOwn('ME+x@x.org', ['me@x.org'])).toBe(true);
  expect(isOwn('me@x.org', ['me+x@x.org'])).toBe(false);
  expect(isOwn('+@x.org', ['me@x.org'])).toBe(false);
}); // prettier-ignore
