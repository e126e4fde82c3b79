// Between a UTCDate (RFC 8620 §1.4) and the value of <input type="datetime-local">, in the person's zone.

const two = (value: number) => String(value).padStart(2, '0');

/** '' for null and for what is no date. */
export function toLocal(utc: string | null): string {
  const date = new Date(utc ?? '');
  if (Number.isNaN(date.getTime())) return '';
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day}T${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** Null for ''. Whole seconds: fractions of zero are not written (RFC 8620 §1.4). */
export function fromLocal(local: string): string | null {
  const date = new Date(local);
  return Number.isNaN(date.getTime()) ? null : date.toISOString().replace(/\.\d+Z$/, 'Z');
}
