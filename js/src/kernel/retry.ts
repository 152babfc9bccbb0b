/** Milliseconds of silence after which the kernel is asked whether it has the request. */
export const CHECK_AFTER = 500;
/** Milliseconds of silence after which the kernel counts as busy. */
export const SLOW_AFTER = 2 * CHECK_AFTER;
/** Milliseconds after which a request is checked, or sent, once more although the kernel had it. */
export const RETRY_AFTER = 10_000;

interface Actions {
  /** Ask the kernel whether it has the request; the answer decides whether the request is sent again. */
  check(): void;
  /** Nothing was heard for `SLOW_AFTER`. */
  slow(): void;
}

/** Timers of a request in flight: check on it after a silence, then ever less often, until something is heard. */
export class RetryTimer {
  #actions: Actions;
  #timers: ReturnType<typeof setTimeout>[] = [];

  constructor(actions: Actions) {
    this.#actions = actions;
  }

  /** Start over: a message was sent or received. */
  start(after = CHECK_AFTER): void {
    this.stop();
    this.#timers = [
      setTimeout(() => this.#actions.slow(), after + CHECK_AFTER),
      setTimeout(() => this.#check(SLOW_AFTER), after),
    ];
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers = [];
  }

  #check(pause: number): void {
    this.#timers[1] = setTimeout(() => this.#check(Math.min(2 * pause, RETRY_AFTER)), pause);
    this.#actions.check();
  }
}
