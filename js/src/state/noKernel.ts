import type { Problem } from "../messages.ts";

const hint = "Opacity, threshold, colormap and Save still work.";

/** Shown on top of a page that has no kernel. */
export const RESTARTED: Problem = { message: "Kernel restarted: run the cell again.", hint };
export const SAVED: Problem = { message: "A saved picture, without its kernel: run the cell again to choose.", hint };
