// A `mailsys local` on free loopback ports with a throw-away state, for as long as a worker lives.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const PYTHON = process.env['MAILSYS_PYTHON'] ?? join(ROOT, '.venv/bin/python');
export const PASSWORD = 'correct horse battery';

export interface Address {
  host: string;
  port: number;
}

function addressOf(text: string): Address {
  const [host = '', port = ''] = text.split(':');
  return { host, port: Number(port) };
}

export interface ServerOptions {
  /** How many accounts there are to hand out. */
  accounts?: number;
  /** Look at what comes in, as a real server does. */
  checks?: boolean;
  smarthost?: Address;
  /** The same ports after a restart. */
  fixedPorts?: boolean;
  arguments?: string[];
}

interface Ready {
  domain: string;
  smtp: string;
  imaps: string;
  dns: string;
  http: string;
}

export class Server {
  url = '';
  domain = '';
  smtp: Address = { host: '127.0.0.1', port: 0 };
  imaps: Address = { host: '127.0.0.1', port: 0 };
  dns: Address = { host: '127.0.0.1', port: 0 };
  private process: ChildProcess | null = null;
  private handedOut = 0;

  private constructor(
    private readonly state: string,
    private readonly options: ServerOptions,
    private readonly log: string,
  ) {}

  static async start(name: string, options: ServerOptions = {}): Promise<Server> {
    mkdirSync(join(ROOT, 'webclient/test-results'), { recursive: true });
    const state = await mkdtemp(join(tmpdir(), 'mailsys-e2e-'));
    const server = new Server(state, options, join(ROOT, `webclient/test-results/${name}.log`));
    if (!options.fixedPorts) {
      await server.run();
      return server;
    }
    for (let attempt = 1; ; attempt += 1) {
      try {
        // Below the range that systems hand out by themselves.
        await server.run(10_000 + Math.floor(Math.random() * 2000) * 10 + 5);
        return server;
      } catch (error) {
        if (attempt === 5) throw error;
      }
    }
  }

  private accountNames(): string[] {
    const count = this.options.accounts ?? 2;
    return Array.from({ length: count }, (_, n) => `person${n}@local.test`);
  }

  private async run(portOfHttp?: number): Promise<void> {
    const { smarthost } = this.options;
    const child = spawn(
      PYTHON,
      [
        ...['-m', 'mailsys.cli.main', 'local', '--state', this.state],
        ...(this.options.checks === true ? [] : ['--no-checks']),
        ...(portOfHttp === undefined ? [] : ['--port-base', String(portOfHttp - 5)]),
        ...(smarthost ? ['--smarthost', `${smarthost.host}:${smarthost.port}`] : []),
        ...this.accountNames().flatMap((name) => ['--account', `${name}:${PASSWORD}`]),
        ...(this.options.arguments ?? []),
      ],
      { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    this.process = child;
    child.stderr.pipe(createWriteStream(this.log, { flags: 'a' }));
    const ready = await new Promise<Ready>((resolve, reject) => {
      createInterface({ input: child.stdout }).once('line', (line) =>
        resolve(JSON.parse(line) as Ready),
      );
      child.once('error', reject);
      child.once('exit', (code) =>
        reject(new Error(`the server ended with ${String(code)}; see ${this.log}`)),
      );
    });
    this.url = ready.http;
    this.domain = ready.domain;
    this.smtp = addressOf(ready.smtp);
    this.imaps = addressOf(ready.imaps);
    this.dns = addressOf(ready.dns);
  }

  /** An account that nobody else uses. */
  account(): string {
    const name = this.accountNames()[this.handedOut];
    if (name === undefined) throw new Error('there are no more accounts: raise `accounts`');
    this.handedOut += 1;
    return name;
  }

  /** A command of the command line about this server: `command('account', 'set', ...)`. */
  async command(...words: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(
      PYTHON,
      ['-m', 'mailsys.cli.main', ...words.slice(0, 2), '--state', this.state, ...words.slice(2)],
      { cwd: ROOT },
    );
    return stdout;
  }

  private async end(): Promise<void> {
    const child = this.process;
    this.process = null;
    if (!child || child.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await gone;
  }

  /** Takes the server away for the time of `meanwhile`; it comes back at the same address. */
  async restart(meanwhile: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    const port = Number(new URL(this.url).port);
    await this.end();
    await meanwhile();
    await this.run(port);
  }

  async stop(): Promise<void> {
    await this.end();
    rmSync(this.state, { recursive: true, force: true });
  }
}
