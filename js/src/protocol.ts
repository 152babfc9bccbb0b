import {
  type Bytes,
  CHOICE_KEYS,
  type Choice,
  type FromKernel,
  type ImagesContent,
  LOOK_KEYS,
  type Problem,
  type Progress,
  pickChoice,
  type Result,
  resolve,
  type Setup,
  type Snapshot,
  type ToKernel,
  type Traits,
  type Waiting,
  type WidgetModel,
} from "./contract.ts";
import { LOST, Mailbox } from "./mailbox.ts";
import { decodeResult } from "./result.ts";

/** What the page learns. */
export interface Listener {
  /** What is chosen in the page now. */
  traits(): Traits;
  /** Python chose. */
  chosen(changed: Partial<Traits>): void;
  result(result: Result): void;
  images(indices: number[], size: number, pngs: Bytes[]): void;
  imagesFailed(indices: number[], size: number): void;
  progress(progress: Progress | null): void;
  problem(problem: Problem): void;
  waiting(waiting: Waiting): void;
  /** The kernel of this widget is no more. */
  gone(): void;
}

/** Milliseconds of rest after which a choice is saved; in the middle of a drag it must be a real pause. */
export const SAVE_DELAY = 200;
export const DRAG_DELAY = 2_000;

const KEYS: readonly (keyof Traits)[] = [...CHOICE_KEYS, ...LOOK_KEYS];

/** The widget's side of all that Python says and is told. Nobody else touches the anywidget model. */
export class Protocol {
  readonly setup: Setup;
  #model: WidgetModel;
  #listener: Listener;
  #mailbox: Mailbox;
  #pending: Partial<Traits> = {};
  /** What Python was told since the last quiet moment: coming back, it is an echo. */
  #told = new Map<keyof Traits, Set<string>>();
  #changed = new Set<keyof Traits>();
  #saving = false;
  #gone = false;
  #saveTimer: ReturnType<typeof setTimeout> | undefined;
  #pictures = new Map<string, { indices: number[]; size: number; timer: ReturnType<typeof setTimeout> }>();
  #origin = Math.random().toString(36).slice(2, 8);
  #count = 0;

  constructor(model: WidgetModel, listener: Listener, signal: AbortSignal) {
    this.setup = model.get("_setup") as Setup;
    this.#model = model;
    this.#listener = listener;
    this.#mailbox = new Mailbox({
      newId: () => this.#newId(),
      explain: (id, choice) => this.#explain(id, choice),
      cancel: (id) => this.#send({ kind: "cancel", id }),
      changed: (waiting) => this.#waiting(waiting),
    });
    this.#listen(signal);
  }

  /** What Python holds. */
  traits(): Traits {
    return Object.fromEntries(KEYS.map((key) => [key, this.#model.get(key)])) as unknown as Traits;
  }

  /** The newest result, as it was kept for a page that opens later. */
  snapshot(): { result: Result; image: Bytes | null } | null {
    const { content, map, scores, image } = (this.#model.get("_snapshot") ?? {}) as Snapshot;
    if (!content || !map || !scores) return null;
    return { result: decodeResult(content, [map, scores]), image: image ?? null };
  }

  /** A view opened: wakes the kernel's thread for this page, and asks for the newest result. */
  hello(): void {
    this.#send({ kind: "hello" });
  }

  explain(choice: Choice): void {
    this.#mailbox.ask(choice);
  }

  /** Python explains this without being asked. */
  expect(choice: Choice): void {
    this.#mailbox.expect(choice);
  }

  get idle(): boolean {
    return this.#mailbox.idle;
  }

  cancel(): void {
    this.#mailbox.cancel();
  }

  /** Ask for images, `size` pixels long, or as they are where it is 0. Asked again, ever later, until they come. */
  requestImages(indices: number[], size: number, patience = LOST): void {
    if (this.#gone) return;
    const id = this.#newId();
    const timer = setTimeout(() => {
      this.#pictures.delete(id);
      this.requestImages(indices, size, 2 * patience);
    }, patience);
    this.#pictures.set(id, { indices, size, timer });
    this.#send({ kind: "images", id, indices, size });
  }

  /** Tell Python what was chosen, once it rests. */
  save(changed: Partial<Traits>, dragging = false): void {
    Object.assign(this.#pending, changed);
    clearTimeout(this.#saveTimer);
    this.#saveTimer = setTimeout(() => this.#save(), dragging ? DRAG_DELAY : SAVE_DELAY);
  }

  #save(): void {
    const changed = this.#pending;
    this.#pending = {};
    if (this.#gone) return;
    this.#saving = true;
    try {
      for (const key of KEYS) if (key in changed) this.#model.set(key, changed[key]);
      this.#model.save_changes();
    } catch {
      this.#lostKernel();
    } finally {
      this.#saving = false;
    }
    this.#remember(changed);
    this.#settle();
  }

  #listen(signal: AbortSignal): void {
    const model = this.#model;
    const onMessage = (content: FromKernel, buffers: Bytes[] = []) => this.#receive(content, buffers);
    const onSnapshot = () => this.#snapshotChanged();
    const onTrait = KEYS.map((key) => [`change:${key}`, () => this.#traitChanged(key)] as const);
    model.on("msg:custom", onMessage);
    model.on("change:_snapshot", onSnapshot);
    for (const [name, callback] of onTrait) model.on(name, callback);
    signal.addEventListener("abort", () => {
      model.off("msg:custom", onMessage);
      model.off("change:_snapshot", onSnapshot);
      for (const [name, callback] of onTrait) model.off(name, callback);
      clearTimeout(this.#saveTimer);
      this.#forgetPictures();
      this.#mailbox.stop();
    });
  }

  #receive(content: FromKernel, buffers: Bytes[]): void {
    if (content.kind === "result") {
      this.#result(decodeResult(content, buffers));
    } else if (content.kind === "error") {
      if (this.#answersPictures(content.id, false)) this.#listener.problem(content);
      else this.#failed(content.id, content);
    } else if (content.kind === "superseded") {
      this.#mailbox.superseded(content.id);
      this.#settle();
    } else if (content.kind === "progress") {
      this.#mailbox.heard();
      this.#listener.progress(content);
    } else if (content.kind === "images") {
      this.#images(content, buffers);
    }
  }

  #result(result: Result): void {
    this.#listener.result(result);
    this.#mailbox.answered(result.id);
    this.#settle();
  }

  #failed(id: string | null, problem: Problem): void {
    this.#listener.problem(problem);
    this.#mailbox.answered(id);
    this.#settle();
  }

  #images({ id, indices, size }: ImagesContent, buffers: Bytes[]): void {
    this.#answersPictures(id, true);
    this.#listener.images(indices, size, buffers);
  }

  #answersPictures(id: string | null, good: boolean): boolean {
    const asked = id === null ? undefined : this.#pictures.get(id);
    if (!asked || id === null) return false;
    clearTimeout(asked.timer);
    this.#pictures.delete(id);
    if (!good) this.#listener.imagesFailed(asked.indices, asked.size);
    return true;
  }

  /** The kept result changed: where its message was lost, it comes here. */
  #snapshotChanged(): void {
    const kept = this.snapshot();
    if (kept) this.#result(kept.result);
  }

  #traitChanged(key: keyof Traits): void {
    if (this.#saving) return;
    if (this.#changed.size === 0) queueMicrotask(() => this.#adopt());
    this.#changed.add(key);
  }

  /** Take what Python set, all of one message together; what it heard from this page is no news. */
  #adopt(): void {
    const keys = [...this.#changed];
    this.#changed.clear();
    this.#take(keys.filter((key) => this.#quiet || !this.#told.get(key)?.has(JSON.stringify(this.#model.get(key)))));
  }

  #take(keys: readonly (keyof Traits)[]): void {
    const own = this.#listener.traits();
    const news = keys.filter((key) => JSON.stringify(this.#model.get(key)) !== JSON.stringify(own[key]));
    if (news.length === 0) return;
    for (const key of news) {
      this.#told.delete(key);
      delete this.#pending[key];
    }
    const before = resolve(own, this.setup.methods);
    this.#listener.chosen(Object.fromEntries(news.map((key) => [key, this.#model.get(key)])));
    const after = this.#listener.traits();
    if (resolve(after, this.setup.methods) === before) return;
    if (this.#mailbox.waits) this.#mailbox.ask(pickChoice(after));
    else this.#mailbox.expect(pickChoice(after));
  }

  /** Nothing is under way that Python could echo. */
  get #quiet(): boolean {
    return this.#mailbox.idle && Object.keys(this.#pending).length === 0;
  }

  /** In a quiet moment page and Python must agree. */
  #settle(): void {
    if (!this.#quiet || this.#gone) return;
    this.#told.clear();
    this.#take(KEYS);
  }

  #remember(traits: Partial<Traits>): void {
    for (const key of KEYS) {
      if (!(key in traits)) continue;
      const values = this.#told.get(key) ?? new Set();
      this.#told.set(key, values.add(JSON.stringify(traits[key])));
    }
  }

  #explain(id: string, choice: Choice): void {
    this.#remember(choice);
    this.#send({ kind: "explain", id, choice });
  }

  #waiting(waiting: Waiting): void {
    if (waiting === "idle") this.#listener.progress(null);
    this.#listener.waiting(waiting);
  }

  #send(message: ToKernel): void {
    if (this.#gone) return;
    try {
      this.#model.send(message);
    } catch {
      this.#lostKernel();
    }
  }

  /** Only a restarted kernel makes sending fail. What is shown stays. */
  #lostKernel(): void {
    this.#gone = true;
    this.#forgetPictures();
    this.#mailbox.stop();
    this.#listener.gone();
  }

  #forgetPictures(): void {
    for (const { timer } of this.#pictures.values()) clearTimeout(timer);
    this.#pictures.clear();
  }

  #newId(): string {
    this.#count += 1;
    return `${this.#origin}-${this.#count}`;
  }
}
