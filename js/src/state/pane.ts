import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { Scan } from "../kernel/allLayers.ts";
import type { Caller, Line, Preview, Work } from "../kernel/paneQueues.ts";
import type { Choice, Overrides, Problem, Progress, Result, Waiting } from "../messages.ts";
import type { Photo } from "../picture/imageCache.ts";
import type { Facts } from "./catalog.ts";
import { sameScores } from "./classOrder.ts";

/** What a preview does not tell. */
const UNKNOWN = {
  kind: "result",
  id: null,
  serial: 0,
  generation: 0,
  scores: new Float32Array(),
  scores_kind: "probability",
  milliseconds: 0,
  note: null,
} as const;

/** What is on show: an image, and the result that belongs to it, if it came already. */
export interface Picture extends Photo {
  index: number;
  result: Result | null;
}

/** What a pane needs of the page. */
export interface Around {
  facts: Facts;
  /** The image, or null while it is on its way. */
  image(index: number): Photo | null;
}

let count = 0;

/** One picture and what it takes to keep it what was chosen. The main one and those beside it are of the same kind. */
export class Pane implements Caller {
  /** Its own, whatever place it moves to. */
  readonly id = ++count;
  /** What is chosen for this pane itself; the rest is as in the pane it is based on. */
  readonly own: Signal<Overrides>;
  readonly choice: ReadonlySignal<Choice>;
  readonly picture = signal<Picture | null>(null);
  /** The newest whole result, whichever choice it is of. */
  readonly latest = signal<Result | null>(null);
  readonly awaited = signal<Waiting>("idle");
  readonly scanning = signal<Waiting>("idle");
  readonly working = signal<Progress | null>(null);
  /** What went wrong with what was chosen last. */
  readonly trouble = signal<Problem | null>(null);
  /** All layers of what is chosen, if they are here. */
  readonly scan: ReadonlySignal<Scan | null>;
  /** What is shown is not yet what is chosen. */
  readonly late: ReadonlySignal<boolean>;

  #around: Around;
  #line: Line | undefined;
  #scanned = signal<Scan | null>(null);
  #preview: Result | null = null;
  /** Depth was used last: what is chosen next is scanned too. */
  #deep = false;
  /** What is shown was drawn from the scan, so answers to older questions come too late. */
  #drawn = false;
  /** What could not be scanned, so that it is not tried again and again. */
  #unscannable = "";

  constructor(around: Around, own: Signal<Overrides>, base: ReadonlySignal<Choice> | null) {
    this.#around = around;
    this.own = own;
    this.choice = computed(() => around.facts.fit({ ...base?.value, ...own.value } as Choice));
    this.scan = computed(() => {
      const scan = this.#scanned.value;
      const { facts } = around;
      const own = scan && facts.key(scan.content.choice, true) === facts.key(this.choice.value, true);
      return own && facts.fresh(scan.content) ? scan : null;
    });
    this.late = computed(() => {
      const shown = this.picture.value?.result?.choice;
      const { facts } = around;
      return this.awaited.value !== "idle" && !(shown && facts.key(shown) === facts.key(this.choice.value));
    });
  }

  connect(line: Line): void {
    this.#line = line;
  }

  /** A view opened: get what is chosen, unless it is here or on its way. */
  open(promised: boolean): void {
    if (this.current || !this.idle) return;
    if (promised) this.#line?.explain.expect(this.choice.peek());
    else this.#line?.explain.ask(this.choice.peek());
  }

  get key(): string {
    return this.#around.facts.key(this.choice.peek());
  }

  get idle(): boolean {
    return this.awaited.peek() === "idle" && this.scanning.peek() === "idle";
  }

  /** Whether the newest result is of what is chosen, and of the model as it is. */
  get current(): boolean {
    const latest = this.latest.peek();
    const { facts } = this.#around;
    return latest !== null && facts.key(latest.choice) === this.key && facts.fresh(latest);
  }

  // What the user does.

  /** Get what is chosen. From the scan, `moving` through its layers, nobody needs to be asked. */
  seek(moving = false): void {
    this.trouble.value = null;
    if (moving && this.#draw()) return;
    this.#drawn = false;
    if (!this.current || this.awaited.peek() !== "idle") this.#line?.explain.ask(this.choice.peek());
    this.refresh();
  }

  /** A model was trained: what is shown of it is asked for anew. */
  renew(): void {
    if (this.idle && this.#stale) this.seek();
  }

  get #stale(): boolean {
    const latest = this.latest.peek();
    return latest !== null && !this.#around.facts.fresh(latest);
  }

  /** Something was chosen on which the map does not depend. */
  amend(): void {
    this.#line?.explain.amend(this.choice.peek());
  }

  /** Depth is used: have all layers at hand. */
  dive(): void {
    this.#deep = true;
    const choice = this.choice.peek();
    const { facts } = this.#around;
    const key = facts.key(choice, true);
    if (this.scan.peek() || facts.whyNoScan(choice) || key === this.#unscannable) return;
    if (this.awaited.peek() === "idle" && this.scanning.peek() === "idle") this.#line?.scan.ask(choice);
  }

  /** A layer was picked by itself. */
  surface(): void {
    this.#deep = false;
  }

  /** All layers are not to be at hand any more. */
  forget(): void {
    this.surface();
    this.#scanned.value = null;
    if (this.scanning.peek() !== "idle") this.#line?.scan.cancel();
  }

  /** Begin with what another pane of the same choice shows. */
  adopt(other: Pane): void {
    this.latest.value = other.latest.peek();
    this.#scanned.value = other.#scanned.peek();
    this.refresh();
  }

  // What the kernel says.

  result(result: Result): void {
    const latest = this.latest.peek();
    if (latest && result.serial <= latest.serial) return;
    if (this.#drawn && this.#around.facts.key(result.choice) !== this.key) return;
    this.#preview = null;
    batch(() => {
      this.trouble.value = null;
      this.latest.value = keepScores(result, latest);
      this.working.value = null;
      this.refresh();
    });
  }

  preview(preview: Preview): void {
    if (this.#around.facts.key(preview.choice) !== this.key) return;
    const latest = this.latest.peek();
    const same = latest && sameInput(latest.choice, preview.choice);
    this.#preview = { ...(same ? latest : UNKNOWN), ...preview, preview: true };
    this.refresh();
  }

  scanned(scan: Scan): void {
    batch(() => {
      this.#scanned.value = scan;
      this.working.value = null;
      if (!this.current) this.#draw();
    });
  }

  progress(_work: Work, progress: Progress): void {
    this.working.value = progress;
  }

  failed(work: Work, problem: Problem): void {
    if (work === "scan") this.#unscannable = this.#around.facts.key(this.choice.peek(), true);
    this.trouble.value = problem;
  }

  waiting(work: Work, waiting: Waiting): void {
    (work === "scan" ? this.scanning : this.awaited).value = waiting;
    if (waiting !== "idle") return;
    if (this.idle) this.working.value = null;
    if (work === "scan") return;
    if (this.#preview) {
      this.#preview = null;
      this.refresh();
    }
    if (this.#deep && !this.#stale) this.dive();
  }

  /** Show the chosen image as soon as it is here, with its own map or none: never one image under another's map. */
  refresh(): void {
    const { image_index: index } = this.choice.peek();
    const latest = this.#preview ?? this.latest.peek();
    const shown = this.picture.peek();
    const photo = this.#around.image(index);
    const own = latest?.choice.image_index;
    if (photo)
      this.#show({ index, ...photo, result: own === index ? latest : shown?.index === index ? shown.result : null });
    else if (shown && own === shown.index) this.#show({ ...shown, result: latest });
  }

  #show(picture: Picture): void {
    const { index, bitmap, result } = this.picture.peek() ?? {};
    if (picture.index === index && picture.bitmap === bitmap && picture.result === result) return;
    this.picture.value = picture;
  }

  /** Show the chosen layer's map from the scan, if that is here. */
  #draw(): boolean {
    const choice = this.choice.peek();
    const scan = this.scan.peek();
    const base = this.latest.peek();
    if (!scan?.has(choice.layer) || !base || !sameInput(base.choice, choice)) return false;
    this.#drawn = true;
    this.#preview = null;
    this.#line?.explain.drop();
    this.latest.value = scan.result(choice, base);
    this.refresh();
    return true;
  }
}

/** The result with the very scores that were here, if it brings no others: then no list is sorted and drawn anew. */
function keepScores(result: Result, latest: Result | null): Result {
  const same = latest && sameInput(latest.choice, result.choice) && sameScores(latest.scores, result.scores);
  return same ? { ...result, scores: latest.scores } : result;
}

/** Whether the scores are the same. */
function sameInput(a: Choice, b: Choice): boolean {
  return a.image_index === b.image_index && (a.model ?? 0) === (b.model ?? 0);
}
