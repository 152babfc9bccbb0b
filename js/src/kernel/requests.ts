import type { SideRequest } from "../messages.ts";
import { RETRY_AFTER } from "./retry.ts";

interface Transport {
  send(id: string, request: SideRequest): void;
  newId(): string;
}

/** Requests for anything but maps: none supersedes another, and each is retried with backoff until it is answered. */
export class Requests {
  #transport: Transport;
  #open = new Map<string, { request: SideRequest; timer: ReturnType<typeof setTimeout> }>();

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  ask(request: SideRequest, timeout = RETRY_AFTER): void {
    const id = this.#transport.newId();
    const timer = setTimeout(() => {
      this.#open.delete(id);
      this.ask(request, 2 * timeout);
    }, timeout);
    this.#open.set(id, { request, timer });
    this.#transport.send(id, request);
  }

  /** Remove and return the request with that id; null if there is none. */
  answered(id: string | null): SideRequest | null {
    const asked = id === null ? undefined : this.#open.get(id);
    if (!asked || id === null) return null;
    clearTimeout(asked.timer);
    this.#open.delete(id);
    return asked.request;
  }

  stop(): void {
    for (const { timer } of this.#open.values()) clearTimeout(timer);
    this.#open.clear();
  }
}
