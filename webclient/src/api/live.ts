// What changed, as it happens: WebSocket (RFC 8887), else EventSource (RFC 8620 §7.3). After a break the
// server is told where we were (pushState) and tells what moved since; data itself is read over HTTP.
import { create } from 'zustand';

import { accountId } from './session';

export type Connection = 'connecting' | 'online' | 'offline';

/** For the "offline" bar. */
export const useConnection = create<{ connection: Connection; since: number }>()(() => ({
  connection: 'connecting',
  since: 0,
}));

interface StateChange {
  '@type': 'StateChange';
  changed: Record<string, Record<string, string> | undefined>;
  pushState?: string;
}

function isStateChange(value: unknown): value is StateChange {
  if (typeof value !== 'object' || value === null) return false;
  const { '@type': type, changed } = value as Record<string, unknown>;
  return type === 'StateChange' && typeof changed === 'object' && changed !== null;
}

const FIRST_WAIT = 500;
const LONGEST_WAIT = 30_000;
// A socket over which nothing came for this long while the machine slept is taken for dead.
const ASLEEP = 45_000;
const STABLE = 5_000;
const SOCKET_TRIES = 3;

type Listener = (states: Record<string, string>) => void;

/** Follows the account's changes until `stop`. `onStates`: type name to its new state. */
export class Live {
  private socket: WebSocket | null = null;
  private source: EventSource | null = null;
  private pushState: string | null = null;
  private attempts = 0;
  private socketFailures = 0;
  private timer: number | undefined;
  private ticker: number | undefined;
  private lastTick = Date.now();
  private stopped = false;

  constructor(
    private readonly onStates: Listener,
    /** Called on each (re)connection: whoever has states asks for what they missed. */
    private readonly onOpen: () => void,
    /** Called when a socket is refused: the browser does not tell why, the session may be over. */
    private readonly onRefused: () => void,
  ) {}

  start(): void {
    window.addEventListener('online', this.wake);
    window.addEventListener('offline', this.lost);
    document.addEventListener('visibilitychange', this.wakeIfVisible);
    this.ticker = window.setInterval(this.tick, 10_000);
    this.connect();
  }

  stop(): void {
    this.stopped = true;
    window.removeEventListener('online', this.wake);
    window.removeEventListener('offline', this.lost);
    document.removeEventListener('visibilitychange', this.wakeIfVisible);
    window.clearInterval(this.ticker);
    window.clearTimeout(this.timer);
    this.close();
    useConnection.setState({ connection: 'connecting', since: 0 });
  }

  /** Try at once (the "offline" bar's button). */
  readonly wake = (): void => {
    if (this.stopped || this.socket?.readyState === WebSocket.OPEN) return;
    this.attempts = 0;
    this.connect();
  };

  private readonly wakeIfVisible = (): void => {
    if (document.visibilityState === 'visible') this.wake();
  };

  /** Timers stand still while a lid is closed: a long gap means the socket may be a ghost. */
  private readonly tick = (): void => {
    const now = Date.now();
    const slept = now - this.lastTick > ASLEEP;
    this.lastTick = now;
    if (slept) {
      this.close();
      this.attempts = 0;
      this.connect();
    }
  };

  private readonly lost = (): void => {
    this.close();
    this.retry();
  };

  private close(): void {
    const { socket, source } = this;
    this.socket = null;
    this.source = null;
    socket?.close();
    source?.close();
  }

  private connect(): void {
    window.clearTimeout(this.timer);
    this.close();
    if (this.socketFailures >= SOCKET_TRIES) this.connectSource();
    else this.connectSocket();
  }

  private connectSocket(): void {
    const url = new URL('/jmap/ws', window.location.href);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(url, 'jmap');
    this.socket = socket;
    let openedAt = 0;
    socket.onopen = () => {
      openedAt = Date.now();
      const enable: Record<string, unknown> = { '@type': 'WebSocketPushEnable', dataTypes: null };
      if (this.pushState !== null) enable['pushState'] = this.pushState;
      socket.send(JSON.stringify(enable));
      this.opened();
    };
    socket.onmessage = (event) => this.read(event.data);
    socket.onclose = () => {
      if (this.socket !== socket) return;
      this.socket = null;
      // Proxies that forbid sockets refuse at once, again and again; then the event stream is used.
      if (openedAt === 0) {
        this.socketFailures += 1;
        this.onRefused();
      } else if (Date.now() - openedAt > STABLE) this.socketFailures = 0;
      this.retry();
    };
  }

  private connectSource(): void {
    const source = new EventSource('/jmap/eventsource/?types=*&closeafter=no&ping=30');
    this.source = source;
    source.onopen = () => this.opened();
    source.addEventListener('state', (event) => this.read((event as MessageEvent<string>).data));
    source.onerror = () => {
      if (this.source !== source) return;
      this.close();
      this.socketFailures = 0; // next time the socket may do
      this.retry();
    };
  }

  private opened(): void {
    this.attempts = 0;
    useConnection.setState({ connection: 'online', since: Date.now() });
    this.onOpen();
  }

  private retry(): void {
    if (this.stopped) return;
    if (useConnection.getState().connection !== 'offline' && this.attempts > 0) {
      useConnection.setState({ connection: 'offline', since: Date.now() });
    }
    const longest = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.attempts);
    this.attempts += 1;
    window.clearTimeout(this.timer);
    // Jitter, so that a restarted server is not met by everybody in one moment.
    this.timer = window.setTimeout(() => this.connect(), longest * (0.5 + Math.random() / 2));
  }

  private read(data: unknown): void {
    if (typeof data !== 'string') return;
    let value: unknown;
    try {
      value = JSON.parse(data);
    } catch {
      return;
    }
    if (!isStateChange(value)) return;
    if (value.pushState !== undefined) this.pushState = value.pushState;
    const states = value.changed[accountId()];
    if (states) this.onStates(states);
  }
}
