import {
  type AllLayersContent,
  type Bytes,
  CHOICE_KEYS,
  type Choice,
  type ErrorContent,
  type FromKernel,
  type ProgressContent,
  type Result,
  type Setup,
  type SideRequest,
  type Snapshot,
  type StateContent,
  type ToKernel,
  type Traits,
  type WidgetModel,
} from "../messages.ts";
import { decodeFloat16 } from "../picture/float16.ts";
import { AllLayers } from "./allLayers.ts";
import { choiceKey } from "./choice.ts";
import { decodeResult, decodeSnapshot } from "./decode.ts";
import { Latest } from "./latest.ts";
import type { Listener } from "./listener.ts";
import { type PaneListener, type PaneQueues, queueOf, type Work, workOf } from "./paneQueues.ts";
import { Requests } from "./requests.ts";
import { TraitSync } from "./traitSync.ts";

/** The id of all messages about a file that Python exports. */
const EXPORT = "export";

/** The page's half of the protocol. Nothing else touches the anywidget model. */
export class Client {
  readonly setup: Setup;
  #model: WidgetModel;
  #listener: Listener;
  /** Of the panes, in their order. */
  #panes: PaneQueues[] = [];
  /** Ids whose pane was closed: their answers are dropped. */
  #closed = new Set<string>();
  /** Messages that arrived before the trait that opens their pane. */
  #early: [FromKernel, Bytes[]][] = [];
  #requests: Requests;
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
    this.#requests = new Requests({
      send: (id, request) => this.#send({ ...request, id }),
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

  cancelExport(): void {
    this.#send({ kind: "cancel", id: EXPORT, pane: 0 });
  }

  /** Open the queues of one more pane, the last one. */
  connect(listener: PaneListener): PaneQueues {
    const open = (work: Work) =>
      new Latest({
        ask: (id, choice) => this.#ask(queues, work, id, choice),
        cancel: (id) => this.#send({ kind: "cancel", id, pane: this.#panes.indexOf(queues) }),
        check: (id) => this.#send({ kind: "check", id, pane: this.#panes.indexOf(queues) }),
        changed: (waiting) => listener.waiting(work, waiting),
        newId: () => this.#newId(),
      });
    const queues = { listener, explain: open("explain"), allLayers: open("all_layers") };
    this.#panes.push(queues);
    return queues;
  }

  disconnect(queues: PaneQueues): void {
    const both = [queues.explain, queues.allLayers];
    for (const queue of both) queue.cancel();
    this.#panes = this.#panes.filter((other) => other !== queues);
    for (const queue of both) for (const id of queue.ids) this.#closed.add(id);
    for (const queue of both) queue.stop();
  }

  /** Send a request for anything but a map, and retry it until it is answered. */
  request(request: SideRequest): void {
    if (!this.#gone) this.#requests.ask(request);
  }

  /** Save traits in Python, once they no longer change. */
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
    // Sent by ipywidgets when the kernel is restarted.
    model.on("comm_live_update", onLost);
    signal.addEventListener("abort", () => {
      model.off("msg:custom", onMessage);
      model.off("change:_snapshot", onSnapshot);
      model.off("comm_live_update", onLost);
      this.#traits.end();
      this.#requests.stop();
      for (const queue of this.#queues) queue.stop();
    });
  }

  #receive(content: FromKernel, buffers: Bytes[]): void {
    if (content.id !== null && this.#closed.has(content.id)) return;
    if (content.id === null && "pane" in content && (content.pane ?? 0) >= this.#panes.length) {
      this.#early.push([content, buffers]);
    } else if (content.kind === "images") {
      this.#requests.answered(content.id);
      this.#listener.images(content, buffers);
    } else if (content.kind === "predictions") {
      this.#requests.answered(content.id);
      this.#listener.predicted(content);
    } else if (content.kind === "result") {
      this.#result(decodeResult(content, buffers));
    } else if (content.kind === "all_layers") {
      this.#allLayers(content, buffers);
    } else if (content.kind === "progress") {
      this.#progress(content, buffers);
    } else if (content.kind === "superseded") {
      for (const queue of this.#queues) queue.superseded(content.id);
      this.#traits.settle();
    } else if (content.kind === "check_reply") {
      this.#queue(content.id, content.pane)?.checked(content.id, content.known);
    } else if (content.kind === "state") {
      this.#stated(content);
    } else if (content.kind === "error") {
      this.#failed(content);
    } else if (content.kind === "generations") {
      content.generations.forEach((generation, model) => {
        this.#listener.generation(model, generation);
      });
    }
  }

  get #queues(): Latest[] {
    return this.#panes.flatMap(({ explain, allLayers }) => [explain, allLayers]);
  }

  /** Return the pane that a message is for: the one that sent the request, else the one that the message names. */
  #pane(id: string | null, pane = 0): PaneQueues | undefined {
    return (id !== null && this.#panes.find((queues) => workOf(queues, id))) || this.#panes[pane];
  }

  #queue(id: string | null, pane: number): Latest | undefined {
    const queues = this.#pane(id, pane);
    return queues && queueOf(queues, workOf(queues, id) ?? "explain");
  }

  /** While requests are under way the page's choice counts, and Python resends its state. */
  #stated({ number, serial, traits }: StateContent): void {
    if (!this.#traits.correct(traits)) return;
    this.#send({ kind: "ack", number });
    if (serial > this.#serial) this.hello();
  }

  #result(result: Result): void {
    this.#serial = Math.max(this.#serial, result.serial);
    const pane = this.#pane(result.id, result.pane);
    pane?.listener.result(result);
    pane?.explain.answered(result.id);
    this.#traits.settle();
    this.#listener.generation(result.choice.model_index, result.generation);
  }

  #allLayers(content: AllLayersContent, [maps]: Bytes[]): void {
    const pane = this.#panes.find(({ allLayers }) => allLayers.asking(content.id));
    pane?.listener.allLayersResult(new AllLayers(content, maps));
    pane?.allLayers.answered(content.id);
    this.#traits.settle();
    this.#listener.generation(content.choice.model_index, content.generation);
  }

  #progress({ id, pane: number, done, total, text, map }: ProgressContent, [bytes]: Bytes[]): void {
    const pane = this.#pane(id, number);
    const work = pane && workOf(pane, id);
    if (id === EXPORT) this.#listener.exporting(done < total ? { done, total, text } : null);
    if (!pane || !work) return;
    queueOf(pane, work).progressed();
    pane.listener.progress(work, { done, total, text });
    const choice = pane.explain.asking(id);
    if (!map || !bytes || !choice) return;
    pane.listener.preview({ choice, map, values: decodeFloat16(bytes, map.scale), done, total });
  }

  #failed({ id, pane: number, message, hint, details }: ErrorContent): void {
    const problem = { message, hint, details };
    const request = this.#requests.answered(id);
    const pane = this.#pane(id, number ?? -1);
    if (request) {
      this.#listener.requestFailed(request, problem);
    } else if (pane) {
      const work = workOf(pane, id) ?? "explain";
      pane.listener.failed(work, problem);
      queueOf(pane, work).answered(id);
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

  #ask(queues: PaneQueues, kind: Work, id: string, choice: Choice): void {
    const pane = this.#panes.indexOf(queues);
    const known = Object.fromEntries(
      CHOICE_KEYS.filter((key) => this.#traits.keys.includes(key)).map((k) => [k, choice[k]]),
    );
    // Python takes the choice of the main pane's request as its traits.
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

  /** Stop: there is no kernel any more. */
  end(): void {
    this.#gone = true;
    this.#traits.stop();
    this.#requests.stop();
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
