import { CHOICE_KEYS, type Choice, DISPLAY_KEYS, type Traits, type WidgetModel } from "../messages.ts";

type Key = keyof Traits;

/** Milliseconds without a change after which traits are saved; more while dragging. */
export const SAVE_DELAY = 200;
export const DRAG_DELAY = 2_000;
/** Milliseconds after which Python has received them for certain; until then it may still resend older values. */
export const SAVE_RECEIVED = 1_000;

const KEYS: readonly Key[] = [...CHOICE_KEYS, ...DISPLAY_KEYS, "panes", "panel"];

interface Page {
  /** Return the page's current choice. */
  traits(): Traits;
  /** Python set traits. */
  chosen(changed: Partial<Traits>): void;
  /** Whether no request is in flight whose choice Python could echo. */
  idle(): boolean;
  /** Saving failed: the kernel was restarted. */
  lost(): void;
}

/** Keeps the traits of the page and of Python in sync, whichever changed. */
export class TraitSync {
  /** The traits that this kernel's widget has. */
  readonly keys: readonly Key[];
  #model: WidgetModel;
  #page: Page;
  #pending: Partial<Traits> = {};
  /** Values sent to Python since page and Python last agreed: when they come back they are echoes. */
  #sent = new Map<Key, Set<string>>();
  #changed = new Set<Key>();
  #saving = false;
  /** Time of the last save. */
  #saved = Number.NEGATIVE_INFINITY;
  #stopped = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #listening: (readonly [string, () => void])[];

  constructor(model: WidgetModel, page: Page) {
    this.#model = model;
    this.#page = page;
    this.keys = KEYS.filter((key) => model.get(key) !== undefined);
    this.#listening = this.keys.map((key) => [`change:${key}`, () => this.#traitChanged(key)]);
    for (const [name, callback] of this.#listening) model.on(name, callback);
  }

  /** Return Python's traits. */
  traits(): Partial<Traits> {
    return Object.fromEntries(this.keys.map((key) => [key, this.#model.get(key)]));
  }

  /** Return the fields of a choice that this kernel's widget has. */
  known(choice: Partial<Choice>): Partial<Choice> {
    return Object.fromEntries(CHOICE_KEYS.filter((key) => this.keys.includes(key)).map((key) => [key, choice[key]]));
  }

  /** Save traits in Python, once they no longer change. */
  save(changed: Partial<Traits>, dragging = false): void {
    Object.assign(this.#pending, changed);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#save(), dragging ? DRAG_DELAY : SAVE_DELAY);
  }

  /** Note that a request carries these traits to Python. */
  remember(traits: Partial<Traits>): void {
    for (const key of this.keys) {
      if (!(key in traits)) continue;
      const values = this.#sent.get(key) ?? new Set();
      this.#sent.set(key, values.add(JSON.stringify(traits[key])));
    }
  }

  /** Adopt Python's traits, unless something is under way. */
  settle(): void {
    if (!this.#quiet || this.#stopped) return;
    this.#sent.clear();
    this.#take(this.keys);
  }

  /** Adopt the state that Python resent, as a message may have been lost; false while something is under way. */
  correct(traits: Partial<Traits>): boolean {
    if (!this.#quiet) return false;
    const news = this.keys.filter(
      (key) => key in traits && JSON.stringify(traits[key]) !== JSON.stringify(this.#model.get(key)),
    );
    // It may have been sent before Python received the last save.
    if (news.length > 0 && Date.now() < this.#saved + SAVE_RECEIVED) return false;
    for (const key of news) this.#model.set(key, traits[key]);
    return true;
  }

  /** The kernel was restarted: save nothing more. */
  stop(): void {
    this.#stopped = true;
  }

  /** The widget was closed. */
  end(): void {
    clearTimeout(this.#timer);
    for (const [name, callback] of this.#listening) this.#model.off(name, callback);
  }

  #save(): void {
    const changed = this.#pending;
    this.#pending = {};
    if (this.#stopped) return;
    this.#saving = true;
    this.#saved = Date.now();
    try {
      for (const key of this.keys) if (key in changed) this.#model.set(key, changed[key]);
      this.#model.save_changes();
    } catch {
      this.#page.lost();
    } finally {
      this.#saving = false;
    }
    this.remember(changed);
    this.settle();
  }

  #traitChanged(key: Key): void {
    if (this.#saving) return;
    if (this.#changed.size === 0) queueMicrotask(() => this.#adopt());
    this.#changed.add(key);
  }

  /** Adopt what Python set, all of one message together; echoes change nothing. */
  #adopt(): void {
    const keys = [...this.#changed];
    this.#changed.clear();
    this.#take(keys.filter((key) => this.#quiet || !this.#sent.get(key)?.has(JSON.stringify(this.#model.get(key)))));
  }

  #take(keys: readonly Key[]): void {
    const own = this.#page.traits();
    const news = keys.filter((key) => JSON.stringify(this.#model.get(key)) !== JSON.stringify(own[key]));
    if (news.length === 0) return;
    for (const key of news) {
      this.#sent.delete(key);
      delete this.#pending[key];
    }
    this.#page.chosen(Object.fromEntries(news.map((key) => [key, this.#model.get(key)])));
  }

  /** Nothing is under way that Python could echo. */
  get #quiet(): boolean {
    return this.#page.idle() && Object.keys(this.#pending).length === 0;
  }
}
