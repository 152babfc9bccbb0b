import type { Fields } from "../messages.ts";
import { RETRY_AFTER } from "./retry.ts";

export interface Request {
  /** Name of the feature. */
  kind: string;
  fields: Fields;
}

interface Transport {
  send(id: string, request: Request): void;
  newId(): string;
}

interface Open {
  request: Request;
  timer: ReturnType<typeof setTimeout>;
  timeout: number;
}

/** Requests that do not supersede one another: each is retried with backoff until it is answered. */
export class Requests {
  #transport: Transport;
  #open = new Map<string, Open>();
  #stopped = false;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  ask(request: Request, timeout = RETRY_AFTER): void {
    if (this.#stopped) return;
    const id = this.#transport.newId();
    this.#watch(id, request, timeout);
    this.#transport.send(id, request);
  }

  /** Remove and return the request with that id; null if there is none. */
  answered(id: string | null): Request | null {
    return this.#take(id)?.request ?? null;
  }

  /** The kernel reported progress: return the request with that id, which waits anew; null if there is none. */
  progressed(id: string | null): Request | null {
    const open = this.#take(id);
    if (open && id !== null) this.#watch(id, open.request, open.timeout);
    return open?.request ?? null;
  }

  stop(): void {
    this.#stopped = true;
    for (const id of [...this.#open.keys()]) this.#take(id);
  }

  #watch(id: string, request: Request, timeout: number): void {
    const timer = setTimeout(() => {
      this.#open.delete(id);
      this.ask(request, 2 * timeout);
    }, timeout);
    this.#open.set(id, { request, timer, timeout });
  }

  #take(id: string | null): Open | undefined {
    const open = this.#open.get(id ?? "");
    clearTimeout(open?.timer);
    this.#open.delete(id ?? "");
    return open;
  }
}
