import {
  type Bytes,
  CHOICE_KEYS,
  type Choice,
  type Errand,
  type FromKernel,
  LOOK_KEYS,
  type PredictionsContent,
  type Problem,
  type ProgressContent,
  type Result,
  resolve,
  type ScanContent,
  type Setup,
  type Snapshot,
  type ToKernel,
  type Traits,
  type WidgetModel,
} from "./contract.ts";
import { Errands } from "./errands.ts";
import { type Caller, Line } from "./line.ts";
import { decodeMap, decodeResult } from "./result.ts";
import { Scan } from "./scan.ts";

/** What the page learns, beside what its panes do. */
export interface Listener {
  /** What is chosen in the page now. */
  traits(): Traits;
  /** Python chose. */
  chosen(changed: Partial<Traits>): void;
  images(indices: number[], size: number, pngs: Bytes[]): void;
  predicted(content: PredictionsContent): void;
  errandFailed(errand: Errand): void;
  problem(problem: Problem): void;
  /** The kernel of this widget is no more. */
  gone(): void;
}

/** Milliseconds of rest after which a choice is saved; in the middle of a drag it must be a real pause. */
export const SAVE_DELAY = 200;
export const DRAG_DELAY = 2_000;

const KEYS: readonly (keyof Traits)[] = [...CHOICE_KEYS, ...LOOK_KEYS, "panes"];

/** The widget's side of all that Python says and is told. Nobody else touches the anywidget model. */
export class Protocol {
  readonly setup: Setup;
  #model: WidgetModel;
  #listener: Listener;
  /** Of the panes, in their order. */
  #lines: Line[] = [];
  #cut = new Set<string>();
  #errands: Errands;
  /** What this kernel's widget has. */
  #keys: readonly (keyof Traits)[];
  #pending: Partial<Traits> = {};
  /** What Python was told since the last quiet moment: coming back, it is an echo. */
  #told = new Map<keyof Traits, Set<string>>();
  #changed = new Set<keyof Traits>();
  #saving = false;
  #gone = false;
  #saveTimer: ReturnType<typeof setTimeout> | undefined;
  #origin = Math.random().toString(36).slice(2, 8);
  #count = 0;

  constructor(model: WidgetModel, listener: Listener, signal: AbortSignal) {
    this.setup = model.get("_setup") as Setup;
    this.#model = model;
    this.#listener = listener;
    this.#keys = KEYS.filter((key) => model.get(key) !== undefined);
    this.#errands = new Errands({
      send: (id, errand) => this.#send({ ...errand, id }),
      newId: () => this.#newId(),
    });
    this.#listen(signal);
  }

  /** What Python holds. */
  traits(): Partial<Traits> {
    return Object.fromEntries(this.#keys.map((key) => [key, this.#model.get(key)]));
  }

  /** The newest result, as it was kept for a page that opens later. */
  snapshot(): { result: Result; image: Bytes | null } | null {
    const { content, map, scores, image } = (this.#model.get("_snapshot") ?? {}) as Snapshot;
    if (!content || !map || !scores) return null;
    return { result: decodeResult(content, [map, scores]), image: image ?? null };
  }

  /** A view opened: wakes the kernel's thread for this page, and asks for the newest results. */
  hello(): void {
    this.#send({ kind: "hello" });
  }

  /** One more pane, the last one. */
  connect(caller: Caller): Line {
    const line = new Line(caller, {
      ask: (asking, kind, id, choice) => this.#ask(asking, kind, id, choice),
      cancel: (id) => this.#send({ kind: "cancel", id }),
      newId: () => this.#newId(),
    });
    this.#lines.push(line);
    return line;
  }

  disconnect(line: Line): void {
    this.#lines = this.#lines.filter((other) => other !== line);
    for (const id of line.ids) this.#cut.add(id);
    line.stop();
  }

  /** Ask for what is no map. Asked again until it comes. */
  request(errand: Errand): void {
    if (!this.#gone) this.#errands.ask(errand);
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
      for (const key of this.#keys) if (key in changed) this.#model.set(key, changed[key]);
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
    const onTrait = this.#keys.map((key) => [`change:${key}`, () => this.#traitChanged(key)] as const);
    model.on("msg:custom", onMessage);
    model.on("change:_snapshot", onSnapshot);
    for (const [name, callback] of onTrait) model.on(name, callback);
    signal.addEventListener("abort", () => {
      model.off("msg:custom", onMessage);
      model.off("change:_snapshot", onSnapshot);
      for (const [name, callback] of onTrait) model.off(name, callback);
      clearTimeout(this.#saveTimer);
      this.#errands.stop();
      for (const line of this.#lines) line.stop();
    });
  }

  #receive(content: FromKernel, buffers: Bytes[]): void {
    if (content.id !== null && this.#cut.has(content.id)) return;
    if (content.kind === "images") {
      this.#errands.answered(content.id);
      this.#listener.images(content.indices, content.size, buffers);
    } else if (content.kind === "predictions") {
      this.#errands.answered(content.id);
      this.#listener.predicted(content);
    } else if (content.kind === "result") {
      this.#result(decodeResult(content, buffers));
    } else if (content.kind === "scan") {
      this.#scanned(content, buffers);
    } else if (content.kind === "progress") {
      this.#progress(content, buffers);
    } else if (content.kind === "superseded") {
      for (const line of this.#lines) for (const box of [line.explain, line.scan]) box.superseded(content.id);
      this.#settle();
    } else if (content.kind === "error") {
      this.#failed(content.id, content);
    }
  }

  /** Whose answer it is: of the pane that asked, else of the one that Python means. */
  #lineOf(id: string | null, pane = 0): Line | undefined {
    return (id !== null && this.#lines.find((line) => line.workOf(id))) || this.#lines[pane];
  }

  #result(result: Result): void {
    const line = this.#lineOf(result.id, result.pane);
    line?.caller.result(result);
    line?.explain.answered(result.id);
    this.#settle();
  }

  #scanned(content: ScanContent, [maps]: Bytes[]): void {
    const line = this.#lines.find(({ scan }) => scan.asking(content.id));
    line?.caller.scanned(new Scan(content, maps));
    line?.scan.answered(content.id);
    this.#settle();
  }

  #progress({ id, pane, done, total, text, map }: ProgressContent, [values]: Bytes[]): void {
    const line = this.#lineOf(id, pane);
    const work = line?.workOf(id);
    if (!line || !work) return;
    line[work].heard();
    line.caller.progress(work, { done, total, text });
    const choice = line.explain.asking(id);
    if (map && values && choice) line.caller.preview({ choice, map, values: decodeMap(map, values), done, total });
  }

  #failed(id: string | null, problem: Problem): void {
    const errand = this.#errands.answered(id);
    const line = this.#lineOf(id);
    const work = line?.workOf(id);
    if (errand) {
      this.#listener.errandFailed(errand);
      this.#listener.problem(problem);
    } else if (line && work) {
      line.caller.failed(work, problem);
      line[work].answered(id);
      this.#settle();
    } else {
      this.#listener.problem(problem);
    }
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
    const before = this.#lines.map(({ caller }) => this.#key(caller));
    this.#listener.chosen(Object.fromEntries(news.map((key) => [key, this.#model.get(key)])));
    this.#lines.forEach(({ caller, explain }, i) => {
      if (this.#key(caller) === before[i]) return;
      if (explain.waits) explain.ask(caller.choice.peek());
      else explain.expect(caller.choice.peek());
    });
  }

  #key({ choice }: Caller): string {
    return resolve(choice.peek(), this.setup.methods);
  }

  /** Nothing is under way that Python could echo. */
  get #quiet(): boolean {
    return this.#lines.every(({ explain }) => explain.idle) && Object.keys(this.#pending).length === 0;
  }

  /** In a quiet moment page and Python must agree. */
  #settle(): void {
    if (!this.#quiet || this.#gone) return;
    this.#told.clear();
    this.#take(this.#keys);
  }

  #remember(traits: Partial<Traits>): void {
    for (const key of this.#keys) {
      if (!(key in traits)) continue;
      const values = this.#told.get(key) ?? new Set();
      this.#told.set(key, values.add(JSON.stringify(traits[key])));
    }
  }

  #ask(line: Line, kind: "explain" | "scan", id: string, choice: Choice): void {
    const pane = this.#lines.indexOf(line);
    const known = Object.fromEntries(CHOICE_KEYS.filter((key) => this.#keys.includes(key)).map((k) => [k, choice[k]]));
    // What the main pane is asked to show, Python takes as chosen.
    if (kind === "explain" && pane === 0) this.#remember(known);
    this.#send({ kind, id, pane, choice: known });
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
    this.#errands.stop();
    for (const line of this.#lines) line.stop();
    this.#listener.gone();
  }

  #newId(): string {
    this.#count += 1;
    return `${this.#origin}-${this.#count}`;
  }
}
