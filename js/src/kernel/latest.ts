import type { Waiting } from "../messages.ts";
import { RETRY_AFTER, RetryTimer } from "./retry.ts";

interface Request<T> {
  what: T;
  /** One for each time it was sent. None: the kernel started it by itself. */
  ids: string[];
  cancelled: boolean;
}

interface Transport<T> {
  ask(id: string, what: T): void;
  /** `null`: what the kernel started by itself. */
  cancel(id: string | null): void;
  /** Ask whether the kernel has this request; `null`: what it started by itself. */
  check(id: string | null): void;
  /** The state of the queue changed. */
  changed(waiting: Waiting): void;
  newId(): string;
}

/**
 * Latest-wins queue: one request in flight, and at most one queued, the newest. It is sent when the answer arrives, or
 * at once where the kernel is known to be in a long computation. Nothing times out: a lost request is sent again.
 */
export class Latest<T> {
  #transport: Transport<T>;
  #asked: Request<T> | null = null;
  #next: T | null = null;
  #expected: T | null = null;
  #retry: RetryTimer;
  /** The kernel has the request in flight, and has had it for a while. */
  #known = false;

  constructor(transport: Transport<T>) {
    this.#transport = transport;
    this.#retry = new RetryTimer({
      check: () => transport.check(this.#asked?.ids.at(-1) ?? null),
      slow: () => transport.changed("slow"),
    });
  }

  get idle(): boolean {
    return this.#asked === null;
  }

  /** Whether something is queued that was not sent yet. */
  get queued(): boolean {
    return this.#next !== null;
  }

  /** Ids of the request in flight, one for each time it was sent. */
  get ids(): readonly string[] {
    return this.#asked?.ids ?? [];
  }

  /** Return what is in flight under this id; without an id, what the kernel computes by itself. */
  asking(id: string | null): T | null {
    const asked = this.#asked;
    return asked && (id === null ? asked.ids.length === 0 : asked.ids.includes(id)) ? asked.what : null;
  }

  ask(what: T): void {
    this.#expected = null;
    if (this.#asked?.ids.length && !this.#known) {
      this.#next = what;
    } else {
      this.#next = null;
      this.#send({ what, ids: [], cancelled: false });
    }
  }

  /** Await an answer that the kernel sends without being asked. */
  expect(what: T): void {
    this.#next = null;
    if (this.#asked?.ids.length) {
      this.#expected = what;
    } else {
      this.#asked = { what, ids: [], cancelled: false };
      this.#watch();
    }
  }

  /** Replace the request by one with the same answer: what is queued, or must be sent again, is the new one. */
  amend(what: T): void {
    if (this.#next) this.#next = what;
    if (this.#asked) this.#asked.what = what;
  }

  /** Empty the queue; the request in flight stays. */
  drop(): void {
    this.#next = this.#expected = null;
  }

  /** Cancel the request in flight and empty the queue. */
  cancel(): void {
    this.#next = null;
    if (!this.#asked) return;
    this.#asked.cancelled = true;
    const { ids } = this.#asked;
    for (const id of ids.length > 0 ? ids : [null]) this.#transport.cancel(id);
  }

  /** An answer arrived, a result or an error; `null` where the kernel started by itself. */
  answered(id: string | null): void {
    const asked = this.#asked;
    if (!asked) return;
    if (id === null ? asked.ids.length === 0 : asked.ids.includes(id)) this.#proceed();
    else if (id === null) this.#expected = null;
  }

  /** A newer request came first. A request that was sent twice supersedes itself: then its newer id still counts. */
  superseded(id: string): void {
    if (this.#asked?.ids.at(-1) === id) this.#proceed();
  }

  /** The kernel reported progress. */
  progressed(): void {
    if (this.#asked) this.#watch(true);
  }

  /** The kernel answered a check: `known` says whether it has the request. */
  checked(id: string | null, known: boolean): void {
    const asked = this.#asked;
    if (!asked || id !== (asked.ids.at(-1) ?? null)) return;
    if (this.#next || (asked.cancelled && !known)) this.#proceed();
    else if (known) this.#watch(true, RETRY_AFTER);
    else this.#send(asked);
  }

  stop(): void {
    this.#asked = this.#next = this.#expected = null;
    this.#retry.stop();
    this.#transport.changed("idle");
  }

  #proceed(): void {
    this.#asked = null;
    const next = this.#next;
    const expected = this.#expected;
    this.#next = this.#expected = null;
    if (next) this.#send({ what: next, ids: [], cancelled: false });
    else if (expected) this.expect(expected);
    else this.stop();
  }

  #send(request: Request<T>): void {
    const id = this.#transport.newId();
    request.ids.push(id);
    this.#asked = request;
    this.#watch();
    this.#transport.ask(id, request.what);
  }

  #watch(known = false, after?: number): void {
    this.#known = known;
    this.#transport.changed("asked");
    this.#retry.start(after);
  }
}
