import type { Choice, Waiting } from "../messages.ts";

/** Milliseconds without a word after which the kernel is asked whether it is at the question, and as long again after
 * which it counts as busy. */
export const DOUBT = 500;
export const SLOW = 2 * DOUBT;
/** Milliseconds after which a kernel that was at the question is asked once more. */
export const LOST = 10_000;

interface Question {
  choice: Choice;
  /** Of every time it was asked. None: Python computes by itself, and its answer is awaited. */
  ids: string[];
  cancelled: boolean;
}

interface Post {
  ask(id: string, choice: Choice): void;
  /** `null`: what Python began by itself. */
  cancel(id: string | null): void;
  /** Ask whether the kernel is at this: `null` is what Python began by itself. */
  check(id: string | null): void;
  /** Something changed about what is awaited. */
  changed(waiting: Waiting): void;
  newId(): string;
}

/**
 * One question in flight; the newest one waits for the answer and goes out then, or sooner where the kernel is alive
 * and has long work to do. Nothing fails for being slow: a kernel that is not at the question is asked again.
 */
export class Mailbox {
  #post: Post;
  #asked: Question | null = null;
  #next: Choice | null = null;
  #promised: Choice | null = null;
  #timers: ReturnType<typeof setTimeout>[] = [];
  /** The kernel is at the question in flight, and has been for a while. */
  #known = false;

  constructor(post: Post) {
    this.#post = post;
  }

  get idle(): boolean {
    return this.#asked === null;
  }

  /** Whether a choice waits that the kernel has not been told of. */
  get waits(): boolean {
    return this.#next !== null;
  }

  /** Of the question in flight, each time that it was asked. */
  get ids(): readonly string[] {
    return this.#asked?.ids ?? [];
  }

  /** What is asked with this id, or what Python computes by itself where there is none. */
  asking(id: string | null): Choice | null {
    const asked = this.#asked;
    return asked && (id === null ? asked.ids.length === 0 : asked.ids.includes(id)) ? asked.choice : null;
  }

  ask(choice: Choice): void {
    this.#promised = null;
    if (this.#asked?.ids.length && !this.#known) {
      this.#next = choice;
    } else {
      this.#next = null;
      this.#send({ choice, ids: [], cancelled: false });
    }
  }

  /** Python computes this without being asked. */
  expect(choice: Choice): void {
    this.#next = null;
    if (this.#asked?.ids.length) {
      this.#promised = choice;
    } else {
      this.#asked = { choice, ids: [], cancelled: false };
      this.#watch();
    }
  }

  /** The same map by another choice: what waits, or must be asked again, says the new one. */
  amend(choice: Choice): void {
    if (this.#next) this.#next = choice;
    if (this.#asked) this.#asked.choice = choice;
  }

  /** What waits is not wanted any more. */
  drop(): void {
    this.#next = this.#promised = null;
  }

  /** Ask the kernel to stop what it does for us, and forget what waits. */
  cancel(): void {
    this.#next = null;
    if (!this.#asked) return;
    this.#asked.cancelled = true;
    const { ids } = this.#asked;
    for (const id of ids.length > 0 ? ids : [null]) this.#post.cancel(id);
  }

  /** An answer came: a result or an error, with the id of its question, or null if Python began by itself. */
  answered(id: string | null): void {
    const asked = this.#asked;
    if (!asked) return;
    if (id === null ? asked.ids.length === 0 : asked.ids.includes(id)) this.#proceed();
    else if (id === null) this.#promised = null;
  }

  /** A newer request came first. Asked again, a question supersedes itself: then the newer one still counts. */
  superseded(id: string): void {
    if (this.#asked?.ids.at(-1) === id) this.#proceed();
  }

  /** The kernel is alive and at work. */
  heard(): void {
    if (this.#asked) this.#watch(true);
  }

  /** What the kernel says when it is asked whether it is at a question. */
  checked(id: string | null, known: boolean): void {
    const asked = this.#asked;
    if (!asked || id !== (asked.ids.at(-1) ?? null)) return;
    if (this.#next || (asked.cancelled && !known)) this.#proceed();
    else if (known) this.#watch(true, LOST);
    else this.#send(asked);
  }

  stop(): void {
    this.#asked = this.#next = this.#promised = null;
    this.#quiet();
    this.#post.changed("idle");
  }

  #proceed(): void {
    this.#asked = null;
    const next = this.#next;
    const promised = this.#promised;
    this.#next = this.#promised = null;
    if (next) this.#send({ choice: next, ids: [], cancelled: false });
    else if (promised) this.expect(promised);
    else this.stop();
  }

  #send(question: Question): void {
    const id = this.#post.newId();
    question.ids.push(id);
    this.#asked = question;
    this.#watch();
    this.#post.ask(id, question.choice);
  }

  #watch(known = false, after = DOUBT): void {
    this.#quiet();
    this.#known = known;
    this.#post.changed("asked");
    this.#timers = [
      setTimeout(() => this.#post.changed("slow"), after + DOUBT),
      setTimeout(() => this.#check(SLOW), after),
    ];
  }

  /** Ask, ever less often, until there is a word. */
  #check(pause: number): void {
    this.#timers[1] = setTimeout(() => this.#check(Math.min(2 * pause, LOST)), pause);
    this.#post.check(this.#asked?.ids.at(-1) ?? null);
  }

  #quiet(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers = [];
  }
}
