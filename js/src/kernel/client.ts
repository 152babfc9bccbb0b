import type {
  Bytes,
  Choice,
  ErrorContent,
  FeatureContent,
  Fields,
  FromKernel,
  ProgressContent,
  Result,
  Setup,
  Snapshot,
  StandingContent,
  StateContent,
  ToKernel,
  Traits,
  WidgetModel,
} from "../messages.ts";
import { decodeFloat16 } from "../picture/float16.ts";
import { choiceKey } from "./choice.ts";
import { decodeResult, decodeSnapshot } from "./decode.ts";
import type { FeatureListener } from "./feature.ts";
import { Features } from "./features.ts";
import { Latest } from "./latest.ts";
import type { Listener } from "./listener.ts";
import { type AnyQueue, featureOf, type PaneListener, type PaneQueues, paneOf, queuesOf } from "./paneQueues.ts";
import { TraitSync } from "./traitSync.ts";

/** The page's half of the protocol. Nothing else touches the anywidget model. */
export class Client {
  readonly setup: Setup;
  readonly features: Features;
  #model: WidgetModel;
  #listener: Listener;
  /** Of the panes, in their order. */
  #panes: PaneQueues[] = [];
  /** Ids whose pane was closed: their answers are dropped. */
  #closed = new Set<string>();
  /** Messages that arrived before the trait that opens their pane. */
  #early: [FromKernel, Bytes[]][] = [];
  #traits: TraitSync;
  #gone = false;
  /** Serial of the newest result. */
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
      idle: () => this.#panes.every(({ explain }) => explain.idle),
      lost: () => this.#lostKernel(),
    });
    this.features = new Features({
      send: (id, { kind, fields }) => this.#send({ kind, id, ...fields }),
      newId: () => this.#newId(),
    });
    this.#listen(signal);
  }

  /** Return Python's traits. */
  traits(): Partial<Traits> {
    return this.#traits.traits();
  }

  /** Return the newest result of the saved state, for a page that opens later. */
  snapshot() {
    return decodeSnapshot((this.#model.get("_snapshot") ?? {}) as Snapshot);
  }

  /** A view opened: start the kernel's thread for this page, and request the newest results. */
  hello(): void {
    this.#send({ kind: "hello" });
  }

  /** Cancel what goes by that id: a request, or by its feature's name what Python asked. */
  cancel(id: string): void {
    this.#send({ kind: "cancel", id, pane: 0 });
  }

  /** Open the queues of one more pane, the last one. */
  connect(listener: PaneListener): PaneQueues {
    const queues: PaneQueues = {
      listener,
      explain: new Latest<Choice>({
        ...this.#transport(() => queues),
        ask: (id, choice) => this.#explain(queues, id, choice),
        changed: (waiting) => listener.waiting(waiting),
      }),
      features: new Map(),
    };
    this.#panes.push(queues);
    return queues;
  }

  disconnect(queues: PaneQueues): void {
    const all = queuesOf(queues);
    for (const queue of all) queue.cancel();
    this.#panes = this.#panes.filter((other) => other !== queues);
    for (const queue of all) for (const id of queue.ids) this.#closed.add(id);
    for (const queue of all) queue.stop();
  }

  /** Open a pane's queue for a feature of which the newest request counts. */
  open<F extends Fields>(queues: PaneQueues, feature: string, listener: FeatureListener<F>): Latest<F> {
    const queue = new Latest<F>({
      ...this.#transport(() => queues),
      ask: (id, fields) => {
        const choice = fields.choice && { choice: this.#traits.known(fields.choice) };
        this.#send({ kind: feature, id, pane: this.#panes.indexOf(queues), ...fields, ...choice });
      },
      changed: (waiting) => listener.waiting?.(waiting),
    });
    queues.features.set(feature, { queue, listener } as never);
    return queue;
  }

  /** Save traits in Python, once they no longer change. */
  save(changed: Partial<Traits>, dragging = false): void {
    this.#traits.save(changed, dragging);
  }

  #listen(signal: AbortSignal): void {
    const model = this.#model;
    const onMessage = (content: FromKernel | FeatureContent, buffers: Bytes[] = []) => this.#receive(content, buffers);
    const onSnapshot = () => this.#snapshotChanged();
    const onLost = () => this.#lostKernel();
    model.on("msg:custom", onMessage);
    model.on("change:_snapshot", onSnapshot);
    // Sent by ipywidgets when the kernel is restarted.
    model.on("comm_live_update", onLost);
    signal.addEventListener("abort", () => {
      model.off("msg:custom", onMessage);
      model.off("change:_snapshot", onSnapshot);
      model.off("comm_live_update", onLost);
      this.#traits.end();
      this.features.stop();
      for (const queue of this.#queues) queue.stop();
    });
  }

  #receive(received: FromKernel | FeatureContent, buffers: Bytes[]): void {
    const content = received as FromKernel;
    if (content.id !== null && this.#closed.has(content.id)) return;
    if (content.id === null && "pane" in content && (content.pane ?? 0) >= this.#panes.length) {
      this.#early.push([content, buffers]);
    } else if (content.kind === "result") {
      this.#result(decodeResult(content, buffers));
    } else if (content.kind === "progress") {
      this.#progress(content, buffers);
    } else if (content.kind === "superseded") {
      for (const queue of this.#queues) queue.superseded(content.id);
      this.#traits.settle();
    } else if (content.kind === "check_reply") {
      this.#checked(content);
    } else if (content.kind === "state") {
      this.#stated(content);
    } else if (content.kind === "error") {
      this.#failed(content);
    } else if (content.kind === "generations") {
      content.generations.forEach((generation, model) => {
        this.#listener.generation(model, generation);
      });
    } else {
      this.#answered(received as FeatureContent, buffers);
    }
  }

  get #queues(): AnyQueue[] {
    return this.#panes.flatMap(queuesOf);
  }

  #checked({ id, pane, known }: StandingContent): void {
    const queues = paneOf(this.#panes, id, pane);
    const queue = queues && (featureOf(queues, id)?.queue ?? queues.explain);
    queue?.checked(id, known);
  }

  /** While requests are under way the page's choice counts, and Python resends its state. */
  #stated({ number, serial, traits }: StateContent): void {
    if (!this.#traits.correct(traits)) return;
    this.#send({ kind: "ack", number });
    if (serial > this.#serial) this.hello();
  }

  #result(result: Result): void {
    this.#serial = Math.max(this.#serial, result.serial);
    const pane = paneOf(this.#panes, result.id, result.pane);
    pane?.listener.result(result);
    pane?.explain.answered(result.id);
    this.#traits.settle();
    this.#listener.generation(result.choice.model_index, result.generation);
  }

  /** A feature replied. */
  #answered(content: FeatureContent, buffers: Bytes[]): void {
    const { choice, generation } = content;
    this.features.answered(content, buffers, this.#panes);
    this.#traits.settle();
    if (choice && generation !== undefined) this.#listener.generation(choice.model_index, generation);
  }

  #progress(content: ProgressContent, buffers: Bytes[]): void {
    const { id, pane: number, done, total, text, map } = content;
    this.features.progress(content, buffers, this.#panes);
    const pane = paneOf(this.#panes, id, number);
    const choice = pane?.explain.asking(id);
    if (!pane || !choice) return;
    pane.explain.progressed();
    pane.listener.progress({ done, total, text });
    if (!map || !buffers[0]) return;
    pane.listener.preview({ choice, map, values: decodeFloat16(buffers[0], map.scale), done, total });
  }

  #failed({ id, pane: number, message, hint, details }: ErrorContent): void {
    const problem = { message, hint, details };
    const pane = paneOf(this.#panes, id, number ?? -1);
    if (this.features.failed(id, problem, this.#panes)) {
      this.#traits.settle();
    } else if (pane) {
      pane.listener.failed(problem);
      pane.explain.answered(id);
      this.#traits.settle();
    } else {
      this.#listener.problem(problem);
    }
  }

  /** The saved result changed: if its message was lost, it arrives here. */
  #snapshotChanged(): void {
    const kept = this.snapshot();
    if (kept) this.#result(kept.result);
  }

  /** Python set traits, and computes by itself what that changes. */
  #chosen(changed: Partial<Traits>): void {
    const before = this.#panes.map(({ listener }) => this.#key(listener));
    this.#listener.chosen(changed);
    this.#panes.forEach(({ listener, explain }, i) => {
      if (this.#key(listener) === before[i] || listener.current) return;
      if (explain.queued) explain.ask(listener.choice.peek());
      else explain.expect(listener.choice.peek());
    });
    for (const [content, buffers] of this.#early.splice(0)) this.#receive(content, buffers);
  }

  #key({ choice }: PaneListener): string {
    return choiceKey(choice.peek(), this.setup.methods);
  }

  /** What all queues of a pane send besides their requests. */
  #transport(of: () => PaneQueues) {
    const pane = () => this.#panes.indexOf(of());
    return {
      cancel: (id: string | null) => this.#send({ kind: "cancel", id, pane: pane() }),
      check: (id: string | null) => this.#send({ kind: "check", id, pane: pane() }),
      newId: () => this.#newId(),
    };
  }

  #explain(queues: PaneQueues, id: string, choice: Choice): void {
    const pane = this.#panes.indexOf(queues);
    const known = this.#traits.known(choice);
    // Python takes the choice of the main pane's request as its traits.
    if (pane === 0) this.#traits.remember(known);
    this.#send({ kind: "explain", id, pane, choice: known });
  }

  #send(message: ToKernel): void {
    if (this.#gone) return;
    try {
      this.#model.send(message);
    } catch {
      this.#lostKernel();
    }
  }

  /** Stop: there is no kernel any more. */
  end(): void {
    this.#gone = true;
    this.#traits.stop();
    this.features.stop();
    for (const queue of this.#queues) queue.stop();
  }

  /** Sending fails only after a kernel restart. What is shown stays. */
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
