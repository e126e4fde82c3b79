// The other side of port 25: a small sender and a small receiver.
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { createInterface, type Interface } from 'node:readline';

import type { Address } from './server';

export class SmtpRefusal extends Error {
  constructor(
    readonly code: number,
    readonly reply: string,
  ) {
    super(reply);
  }
}

export interface Envelope {
  from: string;
  to: string[];
  /** The message with CRLF or LF. */
  message: string | Buffer;
}

/** One connection; messages go one after the other. */
export class SmtpSender {
  private constructor(
    private readonly socket: Socket,
    private readonly replies: AsyncIterator<string>,
  ) {}

  static async connect(to: Address): Promise<SmtpSender> {
    const socket = createConnection(to);
    const lines: Interface = createInterface({ input: socket, crlfDelay: Infinity });
    const sender = new SmtpSender(socket, lines[Symbol.asyncIterator]());
    await sender.reply();
    await sender.ask('EHLO sender.elsewhere.test');
    return sender;
  }

  private async reply(): Promise<string> {
    let whole = '';
    for (;;) {
      const next = await this.replies.next();
      if (next.done === true) throw new Error('the server closed the connection');
      whole += (whole === '' ? '' : '\n') + next.value;
      if (/^\d{3}(?!-)/.test(next.value)) break;
    }
    const code = Number(whole.slice(0, 3));
    if (code >= 400) throw new SmtpRefusal(code, whole);
    return whole;
  }

  async ask(line: string): Promise<string> {
    this.socket.write(`${line}\r\n`);
    return this.reply();
  }

  /** Resolves to the time of the 250, in milliseconds since 1970 with fractions. */
  async send({ from, to, message }: Envelope): Promise<number> {
    try {
      await this.ask(`MAIL FROM:<${from}>`);
      for (const each of to) await this.ask(`RCPT TO:<${each}>`);
      await this.ask('DATA');
    } catch (error) {
      await this.ask('RSET');
      throw error;
    }
    const text = Buffer.isBuffer(message) ? message.toString('latin1') : message;
    const lines = text.replace(/\r?\n/g, '\r\n').replace(/^\./gm, '..');
    this.socket.write(
      Buffer.from(`${lines}\r\n.\r\n`, Buffer.isBuffer(message) ? 'latin1' : 'utf8'),
    );
    await this.reply();
    return performance.timeOrigin + performance.now();
  }

  close(): void {
    this.socket.end('QUIT\r\n');
  }
}

/** Sends one message to a server. */
export async function deliver(to: Address, envelope: Envelope): Promise<number> {
  const sender = await SmtpSender.connect(to);
  try {
    return await sender.send(envelope);
  } finally {
    sender.close();
  }
}

export interface Received {
  from: string;
  to: string[];
  text: string;
}

/** The rest of the world: takes what the server sends out, and refuses where it is told to. */
export class SmtpSink {
  readonly received: Received[] = [];
  /** Recipient to the reply that it gets, such as `550 5.1.1 Unknown here`. */
  readonly refusals = new Map<string, string>();
  private readonly server: Server;

  constructor() {
    this.server = createServer((socket) => this.converse(socket));
  }

  async listen(): Promise<Address> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    const address = this.server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return { host: '127.0.0.1', port: address.port };
  }

  close(): void {
    this.server.close();
  }

  private converse(socket: Socket): void {
    let rest = '';
    let data: string[] | null = null;
    let envelope: Received = { from: '', to: [], text: '' };
    const say = (line: string) => socket.write(`${line}\r\n`);
    const take = (line: string) => {
      if (data) {
        if (line !== '.') {
          data.push(line.replace(/^\.\./, '.'));
          return;
        }
        this.received.push({ ...envelope, text: data.join('\n') });
        data = null;
        envelope = { from: '', to: [], text: '' };
        say('250 2.0.0 taken');
        return;
      }
      const verb = line.slice(0, 4).toUpperCase();
      const path = /<([^>]*)>/.exec(line)?.[1] ?? '';
      if (verb === 'EHLO') socket.write('250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n');
      else if (verb === 'MAIL') {
        envelope = { from: path, to: [], text: '' };
        say('250 2.1.0 ok');
      } else if (verb === 'RCPT') {
        const refusal = this.refusals.get(path);
        if (refusal === undefined) envelope.to.push(path);
        say(refusal ?? '250 2.1.5 ok');
      } else if (verb === 'DATA') {
        if (envelope.to.length === 0) say('554 5.5.1 no valid recipients');
        else {
          data = [];
          say('354 go on');
        }
      } else if (verb === 'QUIT') {
        say('221 2.0.0 bye');
        socket.end();
      } else say('250 2.0.0 ok');
    };
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      rest += chunk.toString('latin1');
      for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
        const line = rest.slice(0, end).replace(/\r$/, '');
        rest = rest.slice(end + 1);
        take(line);
      }
    });
    say('220 sink.elsewhere.test');
  }
}
