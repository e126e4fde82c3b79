// Just enough IMAP to see whether a mail program is let in, and what it finds.
import { connect, type TLSSocket } from 'node:tls';
import { createInterface } from 'node:readline';

import type { Address } from './server';

export class Imap {
  private count = 0;

  private constructor(
    private readonly socket: TLSSocket,
    private readonly lines: AsyncIterator<string>,
  ) {}

  static async connect(to: Address): Promise<Imap> {
    const socket = connect({ ...to, rejectUnauthorized: false }); // a certificate of its own making
    const lines = createInterface({ input: socket, crlfDelay: Infinity })[Symbol.asyncIterator]();
    await lines.next();
    return new Imap(socket, lines);
  }

  /** The answer's lines; the last one begins with OK, NO or BAD. */
  async ask(command: string): Promise<string[]> {
    const tag = `t${(this.count += 1)}`;
    this.socket.write(`${tag} ${command}\r\n`);
    const answer: string[] = [];
    for (;;) {
      const next = await this.lines.next();
      if (next.done === true) throw new Error('the server closed the connection');
      if (next.value.startsWith(`${tag} `)) return [...answer, next.value.slice(tag.length + 1)];
      answer.push(next.value);
    }
  }

  close(): void {
    this.socket.destroy();
  }
}

/** Whether this password opens the account, as a mail program asks: `OK` or `NO`. */
export async function imapLogin(to: Address, user: string, password: string): Promise<string> {
  const imap = await Imap.connect(to);
  const answer = await imap.ask(`LOGIN "${user}" "${password}"`);
  imap.close();
  return (answer.at(-1) ?? '').split(' ')[0] ?? '';
}
