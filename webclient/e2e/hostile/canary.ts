// A server elsewhere that writes down whoever asks it for anything, or only connects.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What is written down of somebody who connected and asked for nothing. */
export const CONNECTION = '(connection)';

export class Canary {
  readonly asked: string[] = [];
  private readonly server: Server;
  origin = '';

  constructor() {
    this.server = createServer((request, response) => {
      this.asked.push(request.url ?? '');
      response.setHeader('Access-Control-Allow-Origin', '*');
      response.end('gotcha');
    });
    // Connecting before there is anything to ask tells as much.
    this.server.on('connection', () => this.asked.push(CONNECTION));
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.origin = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  clear(): void {
    this.asked.length = 0;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}
