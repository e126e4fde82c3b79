const HEAD = 128 * 1024;

/**
 * When a message arrived, as far as the server does not see it from its Received fields: then the time of
 * its Date field, so that old mail stands where it belongs. Undefined: the server is to find out.
 */
export async function arrivalOf(message: Blob): Promise<string | undefined> {
  const text = await message.slice(0, HEAD).text();
  const header = text.split(/\r?\n\r?\n/, 1)[0] ?? '';
  if (/^received:/im.test(header)) return undefined;
  const written = /^date:[ \t]*(.*(?:\r?\n[ \t].*)*)/im.exec(header)?.[1];
  // Comments such as "(CET)" stand after the zone (RFC 5322 §3.3).
  const date = new Date((written ?? '').replaceAll(/\([^()]*\)|\s+/g, ' ').trim());
  if (Number.isNaN(date.getTime()) || date.getTime() > Date.now()) return undefined;
  return date.toISOString().replace(/\.\d+Z$/, 'Z');
}
