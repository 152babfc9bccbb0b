import type { Choice, Problem, Progress, Result, Waiting } from "../messages.ts";
import type { Scan } from "./allLayers.ts";
import { Mailbox } from "./latest.ts";

export type Work = "explain" | "scan";

export type Preview = Pick<Result, "choice" | "map" | "values" | "done" | "total">;

/** What a pane learns. */
export interface Caller {
  /** What it shows, or is about to. */
  readonly choice: { peek(): Choice };
  /** It shows that already. */
  readonly current: boolean;
  result(result: Result): void;
  scanned(scan: Scan): void;
  progress(work: Work, progress: Progress): void;
  /** The map so far. */
  preview(preview: Preview): void;
  failed(work: Work, problem: Problem): void;
  waiting(work: Work, waiting: Waiting): void;
}

interface Post {
  ask(line: Line, work: Work, id: string, choice: Choice): void;
  cancel(line: Line, id: string | null): void;
  check(line: Line, id: string | null): void;
  newId(): string;
}

/** One pane's line to the kernel: one map asked for at a time, and one scan of all layers. */
export class Line {
  readonly caller: Caller;
  readonly explain: Mailbox;
  readonly scan: Mailbox;

  constructor(caller: Caller, post: Post) {
    this.caller = caller;
    const open = (work: Work) =>
      new Mailbox({
        ask: (id, choice) => post.ask(this, work, id, choice),
        cancel: (id) => post.cancel(this, id),
        check: (id) => post.check(this, id),
        changed: (waiting) => caller.waiting(work, waiting),
        newId: () => post.newId(),
      });
    this.explain = open("explain");
    this.scan = open("scan");
  }

  /** Of all that was asked and not answered. */
  get ids(): readonly string[] {
    return [...this.explain.ids, ...this.scan.ids];
  }

  /** Which of the two asked with that id. */
  workOf(id: string | null): Work | null {
    if (this.explain.asking(id)) return "explain";
    return id !== null && this.scan.asking(id) ? "scan" : null;
  }

  cancel(): void {
    this.explain.cancel();
    this.scan.cancel();
  }

  stop(): void {
    this.explain.stop();
    this.scan.stop();
  }
}
