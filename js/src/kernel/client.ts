import {
  type Bytes,
  CHOICE_KEYS,
  type Choice,
  type Errand,
  type ErrorContent,
  type FromKernel,
  type ImagesContent,
  type PredictionsContent,
  type Problem,
  type Progress,
  type ProgressContent,
  type Result,
  resolve,
  type ScanContent,
  type Setup,
  type Snapshot,
  type StateContent,
  type ToKernel,
  type Traits,
  type WidgetModel,
} from "../messages.ts";
import { Scan } from "./allLayers.ts";
import { decodeMap, decodeResult } from "./decodeResult.ts";
import { type Caller, Line } from "./paneQueues.ts";
import { Errands } from "./requests.ts";
import { TraitSync } from "./traitSync.ts";

/** The id of all that is said of a file that Python writes. */
const EXPORT = "export";

/** What the page learns, beside what its panes do. */
export interface Listener {
  /** What is chosen in the page now. */
  traits(): Traits;
  /** Python chose. */
  chosen(changed: Partial<Traits>): void;
  images(content: ImagesContent, images: Bytes[]): void;
  predicted(content: PredictionsContent): void;
  errandFailed(errand: Errand, problem: Problem): void;
  /** So often have a model's weights changed. */
  generation(model: number, generation: number): void;
  problem(problem: Problem): void;
  /** How far the file is that Python writes; null when it is done. */
  exporting(progress: Progress | null): void;
  /** The kernel of this widget is no more. */
  gone(): void;
}

/** The widget's side of all that Python says and is told. Nobody else touches the anywidget model. */
export class Protocol {
  readonly setup: Setup;
  #model: WidgetModel;
  #listener: Listener;
  /** Of the panes, in their order. */
  #lines: Line[] = [];
  #cut = new Set<string>();
  /** Messages that overtook the trait that opens their pane. */
  #early: [FromKernel, Bytes[]][] = [];
  #errands: Errands;
  #traits: TraitSync;
  #gone = false;
  /** Of the newest result that came. */
  #serial = 0;
  #origin = Math.random().toString(36).slice(2, 8);
  #count = 0;

  constructor(model: WidgetModel, listener: Listener, signal: AbortSignal) {
    this.setup = model.get("_setup") as Setup;
    this.#model = model;
    this.#listener = listener;
    this.#traits = new TraitSync(model, {
      traits: () => listener.traits(),
      chosen: (changed) => this.#chosen(changed),
      idle: () => this.#lines.every(({ explain }) => explain.idle),
      lost: () => this.#lostKernel(),
    });
    this.#errands = new Errands({
      send: (id, errand) => this.#send({ ...errand, id }),
      newId: () => this.#newId(),
    });
    this.#listen(signal);
  }

  /** What Python holds. */
  traits(): Partial<Traits> {
    return this.#traits.traits();
  }

  /** The newest result, as it was kept for a page that opens later. */
  snapshot(): { result: Result; image: Bytes | null; size: Snapshot["size"] } | null {
    const { content, map, scores, image, size } = (this.#model.get("_snapshot") ?? {}) as Snapshot;
    if (!content || !map || !scores) return null;
    return { result: decodeResult(content, [map, scores]), image: image ?? null, size };
  }

  /** A view opened: wakes the kernel's thread for this page, and asks for the newest results. */
  hello(): void {
    this.#send({ kind: "hello" });
  }

  cancelExport(): void {
    this.#send({ kind: "cancel", id: EXPORT, pane: 0 });
  }

  /** One more pane, the last one. */
  connect(caller: Caller): Line {
    const line = new Line(caller, {
      ask: (asking, kind, id, choice) => this.#ask(asking, kind, id, choice),
      cancel: (asking, id) => this.#send({ kind: "cancel", id, pane: this.#lines.indexOf(asking) }),
      check: (asking, id) => this.#send({ kind: "check", id, pane: this.#lines.indexOf(asking) }),
      newId: () => this.#newId(),
    });
    this.#lines.push(line);
    return line;
  }

  disconnect(line: Line): void {
    line.cancel();
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
    this.#traits.save(changed, dragging);
  }

  #listen(signal: AbortSignal): void {
    const model = this.#model;
    const onMessage = (content: FromKernel, buffers: Bytes[] = []) => this.#receive(content, buffers);
    const onSnapshot = () => this.#snapshotChanged();
    const onLost = () => this.#lostKernel();
    model.on("msg:custom", onMessage);
    model.on("change:_snapshot", onSnapshot);
    // Said by ipywidgets when the kernel is restarted.
    model.on("comm_live_update", onLost);
    signal.addEventListener("abort", () => {
      model.off("msg:custom", onMessage);
      model.off("change:_snapshot", onSnapshot);
      model.off("comm_live_update", onLost);
      this.#traits.end();
      this.#errands.stop();
      for (const line of this.#lines) line.stop();
    });
  }

  #receive(content: FromKernel, buffers: Bytes[]): void {
    if (content.id !== null && this.#cut.has(content.id)) return;
    if (content.id === null && "pane" in content && (content.pane ?? 0) >= this.#lines.length) {
      this.#early.push([content, buffers]);
    } else if (content.kind === "images") {
      this.#errands.answered(content.id);
      this.#listener.images(content, buffers);
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
      this.#traits.settle();
    } else if (content.kind === "standing") {
      const line = this.#lineOf(content.id, content.pane);
      line?.[line.workOf(content.id) ?? "explain"].checked(content.id, content.known);
    } else if (content.kind === "state") {
      this.#stated(content);
    } else if (content.kind === "error") {
      this.#failed(content);
    } else if (content.kind === "weights") {
      content.generations.forEach((generation, model) => {
        this.#listener.generation(model, generation);
      });
    }
  }

  /** Whose answer it is: of the pane that asked, else of the one that Python means. */
  #lineOf(id: string | null, pane = 0): Line | undefined {
    return (id !== null && this.#lines.find((line) => line.workOf(id))) || this.#lines[pane];
  }

  /** While something is under way the page has the last word; then it is said once more. */
  #stated({ number, serial, traits }: StateContent): void {
    if (!this.#traits.correct(traits)) return;
    this.#send({ kind: "seen", number });
    if (serial > this.#serial) this.hello();
  }

  #result(result: Result): void {
    this.#serial = Math.max(this.#serial, result.serial);
    const line = this.#lineOf(result.id, result.pane);
    line?.caller.result(result);
    line?.explain.answered(result.id);
    this.#traits.settle();
    this.#listener.generation(result.choice.model, result.generation);
  }

  #scanned(content: ScanContent, [maps]: Bytes[]): void {
    const line = this.#lines.find(({ scan }) => scan.asking(content.id));
    line?.caller.scanned(new Scan(content, maps));
    line?.scan.answered(content.id);
    this.#traits.settle();
    this.#listener.generation(content.choice.model, content.generation);
  }

  #progress({ id, pane, done, total, text, map }: ProgressContent, [values]: Bytes[]): void {
    const line = this.#lineOf(id, pane);
    const work = line?.workOf(id);
    if (id === EXPORT) this.#listener.exporting(done < total ? { done, total, text } : null);
    if (!line || !work) return;
    line[work].heard();
    line.caller.progress(work, { done, total, text });
    const choice = line.explain.asking(id);
    if (map && values && choice) line.caller.preview({ choice, map, values: decodeMap(map, values), done, total });
  }

  #failed({ id, pane, message, hint, details }: ErrorContent): void {
    const problem = { message, hint, details };
    const errand = this.#errands.answered(id);
    const line = this.#lineOf(id, pane ?? -1);
    const work = line?.workOf(id) ?? "explain";
    if (errand) {
      this.#listener.errandFailed(errand, problem);
    } else if (line) {
      line.caller.failed(work, problem);
      line[work].answered(id);
      this.#traits.settle();
    } else {
      this.#listener.problem(problem);
    }
  }

  /** The kept result changed: where its message was lost, it comes here. */
  #snapshotChanged(): void {
    const kept = this.snapshot();
    if (kept) this.#result(kept.result);
  }

  /** Python chose, and explains by itself what that changes. */
  #chosen(changed: Partial<Traits>): void {
    const before = this.#lines.map(({ caller }) => this.#key(caller));
    this.#listener.chosen(changed);
    this.#lines.forEach(({ caller, explain }, i) => {
      if (this.#key(caller) === before[i] || caller.current) return;
      if (explain.waits) explain.ask(caller.choice.peek());
      else explain.expect(caller.choice.peek());
    });
    for (const [content, buffers] of this.#early.splice(0)) this.#receive(content, buffers);
  }

  #key({ choice }: Caller): string {
    return resolve(choice.peek(), this.setup.methods);
  }

  #ask(line: Line, kind: "explain" | "scan", id: string, choice: Choice): void {
    const pane = this.#lines.indexOf(line);
    const known = Object.fromEntries(
      CHOICE_KEYS.filter((key) => this.#traits.keys.includes(key)).map((k) => [k, choice[k]]),
    );
    // What the main pane is asked to show, Python takes as chosen.
    if (kind === "explain" && pane === 0) this.#traits.remember(known);
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

  /** Nobody answers any more. */
  end(): void {
    this.#gone = true;
    this.#traits.stop();
    this.#errands.stop();
    for (const line of this.#lines) line.stop();
  }

  /** Only a restarted kernel makes sending fail. What is shown stays. */
  #lostKernel(): void {
    if (this.#gone) return;
    this.end();
    this.#listener.gone();
  }

  #newId(): string {
    this.#count += 1;
    return `${this.#origin}-${this.#count}`;
  }
}
