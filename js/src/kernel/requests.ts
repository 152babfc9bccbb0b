import type { Errand } from "../messages.ts";
import { LOST } from "./latest.ts";

interface Post {
  send(id: string, errand: Errand): void;
  newId(): string;
}

/** Questions beside the maps: none supersedes another, and each is asked again, ever later, until its answer comes. */
export class Errands {
  #post: Post;
  #open = new Map<string, { errand: Errand; timer: ReturnType<typeof setTimeout> }>();

  constructor(post: Post) {
    this.#post = post;
  }

  ask(errand: Errand, patience = LOST): void {
    const id = this.#post.newId();
    const timer = setTimeout(() => {
      this.#open.delete(id);
      this.ask(errand, 2 * patience);
    }, patience);
    this.#open.set(id, { errand, timer });
    this.#post.send(id, errand);
  }

  /** What was asked with that id, which is done now; null if nothing was. */
  answered(id: string | null): Errand | null {
    const asked = id === null ? undefined : this.#open.get(id);
    if (!asked || id === null) return null;
    clearTimeout(asked.timer);
    this.#open.delete(id);
    return asked.errand;
  }

  stop(): void {
    for (const { timer } of this.#open.values()) clearTimeout(timer);
    this.#open.clear();
  }
}
