import type { Problem } from "../messages.ts";

const hint = "Opacity, threshold, colormap and Save still work.";

/** Shown on top of a page that has no kernel. */
export const RESTARTED: Problem = { message: "Kernel restarted. Run the cell again.", hint };
export const SAVED: Problem = { message: "Saved snapshot, no kernel. Run the cell again to interact.", hint };
