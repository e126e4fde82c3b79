// From a keyboard event to a stroke as the table writes it, and whether one is meant by the other.

const APPLE = /Mac|iP(hone|ad|od)/.test(navigator.userAgent);

type KeyLike = Pick<KeyboardEvent, 'key' | 'shiftKey' | 'altKey' | 'ctrlKey' | 'metaKey'>;

/**
 * "mod" is Command on Apple's machines, else Control. Shift counts with letters and named keys only: a
 * sign such as "#" is the same wherever the layout hides it.
 */
export function strokeOf(event: KeyLike): string {
  const parts: string[] = [];
  const mod = APPLE ? event.metaKey : event.ctrlKey;
  if (APPLE ? event.ctrlKey : event.metaKey) parts.push(APPLE ? 'ctrl' : 'meta');
  if (mod) parts.push('mod');
  const single = [...event.key].length === 1;
  // AltGr types signs ("@", "#", "[" on many layouts): with a sign it is part of the typing.
  const letter = single && /\p{L}|\p{N}| /u.test(event.key);
  if (event.altKey && (letter || !single || mod)) parts.push('alt');
  if (event.shiftKey && (letter || !single)) parts.push('shift');
  parts.push(single ? event.key.toLowerCase() : event.key);
  return parts.join('+');
}

/** The written form of a stroke, made comparable: modifiers in one order, letters small. */
export function normal(stroke: string): string {
  const parts = stroke.split(/\+(?!$)/);
  const key = parts.pop() ?? '';
  const order = ['ctrl', 'meta', 'mod', 'alt', 'shift'];
  const modifiers = parts
    .map((each) => each.toLowerCase())
    .sort((a, b) => order.indexOf(a) - order.indexOf(b));
  return [...modifiers, [...key].length === 1 ? key.toLowerCase() : key].join('+');
}

/** Whether a stroke types text when no field takes it: then it must not fire in a field. */
export function types(stroke: string): boolean {
  return (
    !/^(.*\+)?(mod|ctrl|meta|alt)\+/.test(stroke) && !/^(shift\+)?[A-Z][A-Za-z0-9]+$/.test(stroke)
  );
}
