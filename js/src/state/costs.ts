import { signal } from "@preact/signals";
import type { Client } from "../kernel/client.ts";
import type { Latest } from "../kernel/latest.ts";
import type { Choice, FeatureContent } from "../messages.ts";
import { formatTime } from "../text/format.ts";
import type { Pane } from "./pane.ts";

/** As `ke_widgets/widget/features/costs.py` writes it, as a reply or as progress. */
interface CostsContent {
  costs: {
    /** Of a forward pass. */
    milliseconds: number;
    /** By method: the number of passes, and what they cost as a number of forward passes. */
    methods: Record<string, [number, number]>;
  };
}

/** What the methods cost, as the kernel measured it; asked when the menu opens. */
export class Costs {
  #known = signal<CostsContent["costs"] | null>(null);
  #queue: Latest<{ choice: Choice }>;
  /** An exported file has no kernel to ask. */
  #isFile: boolean;

  constructor(client: Client, pane: Pane) {
    const keep = (content: unknown) => {
      this.#known.value = (content as CostsContent).costs;
    };
    this.#isFile = client.setup.file !== undefined;
    this.#queue = client.open(pane.queues, "costs", {
      answered: (content: FeatureContent) => keep(content),
      progress: keep,
      // The menu does without: what a method costs is no reason for an error over the picture.
      failed: () => {},
      waiting: () => {},
    });
  }

  ask(choice: Choice): void {
    if (!this.#isFile) this.#queue.ask({ choice });
  }

  /** Return what a method costs, in words. */
  text(name: string): string {
    const costs = this.#known.value;
    const found = costs?.methods[name];
    if (!costs || !found) return "";
    const forwards = found[1] < 9.5 ? Number(found[1].toFixed(1)) : Number(found[1].toPrecision(2));
    const passes = `${forwards.toLocaleString("en")} forward${forwards === 1 ? "" : "s"}`;
    return `${passes} · ${formatTime(found[1] * costs.milliseconds)}`;
  }
}
