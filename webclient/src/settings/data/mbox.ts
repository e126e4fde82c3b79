// The mbox format (RFC 4155, the "mboxrd" way of quoting): messages one after the other, each after a line
// that begins with "From ". Read in pieces: a file may be larger than memory.

const PIECE = 4 * 1024 * 1024;
const LF = 10;
const FROM = [70, 114, 111, 109, 32]; // "From "

/** A message in the file: its octets, without the "From " line before it and the empty line after it. */
export interface Span {
  start: number;
  end: number;
}

/** The line that begins a message. `when` is the time of arrival. */
export function fromLine(sender: string, when: Date): string {
  const [weekday, day, month, year] = when.toUTCString().replace(',', '').split(' ');
  const time = when.toUTCString().slice(17, 25);
  const who = sender.replaceAll(/\s/g, '') || 'MAILER-DAEMON';
  // asctime form: the day of the month takes two places, with a blank in front.
  return `From ${who} ${weekday} ${month} ${(day ?? '').replace(/^0/, ' ')} ${time} ${year}\n`;
}

/** Lines of `>`s and "From " get one `>` more; line ends become LF; one at the end. */
export function quote(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(message.length + countFroms(message) + 1);
  let to = 0;
  let lineStart = true;
  for (let at = 0; at < message.length; at += 1) {
    const octet = message[at] ?? 0;
    if (octet === 13 && message[at + 1] === LF) continue;
    if (lineStart && isFrom(message, at)) out[to++] = 62;
    out[to++] = octet;
    lineStart = octet === LF;
  }
  if (to === 0 || out[to - 1] !== LF) out[to++] = LF;
  return out.subarray(0, to);
}

/** The way back of `quote`: one `>` less. Line ends stay as they are. */
export function unquote(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(message.length);
  let to = 0;
  let lineStart = true;
  for (let at = 0; at < message.length; at += 1) {
    const octet = message[at] ?? 0;
    if (lineStart && octet === 62 && isFrom(message, at)) {
      lineStart = false;
      continue;
    }
    out[to++] = octet;
    lineStart = octet === LF;
  }
  return out.subarray(0, to);
}

/** Whether a line that begins here is `>`s, if any, and "From ". */
function isFrom(octets: Uint8Array, at: number): boolean {
  let from = at;
  while (octets[from] === 62) from += 1;
  return FROM.every((each, n) => octets[from + n] === each);
}

function countFroms(octets: Uint8Array): number {
  let count = isFrom(octets, 0) ? 1 : 0;
  for (let at = octets.indexOf(LF); at !== -1; at = octets.indexOf(LF, at + 1)) {
    if (isFrom(octets, at + 1)) count += 1;
  }
  return count;
}

/** Whether a file is an mbox: it begins with "From " and a message follows. */
export async function isMbox(file: Blob): Promise<boolean> {
  const head = new Uint8Array(await file.slice(0, FROM.length).arrayBuffer());
  return FROM.every((each, n) => head[n] === each);
}

/** Where the messages of an mbox are. A "From " line counts at the beginning and after an empty line. */
export async function* messagesOf(file: Blob): AsyncGenerator<Span> {
  let start = -1; // of the message being looked at
  let lineAt = 0; // where the line being looked at begins
  let head: number[] = []; // its first octets
  let empty = 0; // octets of the line before, where that is an empty one
  let first = true;
  let length = 0; // of the line, without its end
  for (let from = 0; from < file.size; from += PIECE) {
    const piece = new Uint8Array(await file.slice(from, from + PIECE).arrayBuffer());
    let at = 0;
    while (at < piece.length) {
      const found = piece.indexOf(LF, at);
      const end = found === -1 ? piece.length : found;
      for (let n = at; n < end && head.length < FROM.length; n += 1) head.push(piece[n] ?? 0);
      length += end - at;
      if (found === -1) break;
      const next = from + found + 1;
      if ((first || empty > 0) && FROM.every((each, n) => head[n] === each)) {
        if (start !== -1) yield { start, end: lineAt - empty };
        start = next;
        empty = 0;
      } else {
        empty = length === 0 || (length === 1 && head[0] === 13) ? length + 1 : 0;
      }
      first = false;
      lineAt = next;
      head = [];
      length = 0;
      at = found + 1;
    }
  }
  if (start === -1 || start >= file.size) return;
  yield { start, end: lineAt === file.size ? file.size - empty : file.size };
}
