import { computed, type ReadonlySignal, signal } from "@preact/signals";
import { used } from "../../host/keys.ts";
import type { Method } from "../../messages.ts";
import { type Family, families } from "../../text/methodSearch.ts";
import { step } from "../controls/listKeys.ts";

const OPENING = ["ArrowDown", "ArrowUp", "Enter", " "];
const MOVING = ["ArrowDown", "ArrowUp", "PageDown", "PageUp"];

/** The state of a menu of methods: what is searched, and which option the keys have reached. */
export class Menu {
  readonly open = signal(false);
  readonly query = signal("");
  /** Name of the active option. */
  readonly active = signal("");
  readonly found: ReadonlySignal<Family[]>;
  readonly listed: ReadonlySignal<Method[]>;
  #pick: (method: Method) => void;

  constructor(methods: readonly Method[], pick: (method: Method) => void) {
    this.found = computed(() => (this.open.value ? families(methods, this.query.value) : []));
    this.listed = computed(() => this.found.value.flatMap((family) => family.methods));
    this.#pick = pick;
  }

  /** Position of the active option; -1 if it is not listed. */
  get at(): number {
    return this.listed.value.findIndex(({ name }) => name === this.active.value);
  }

  show(chosen: string): void {
    this.query.value = "";
    this.active.value = chosen;
    this.open.value = true;
  }

  close(): void {
    this.open.value = false;
  }

  /** The first match becomes the active option. */
  search(text: string): void {
    this.query.value = text;
    this.active.value = this.listed.value[0]?.name ?? "";
  }

  /** A method that does not apply stays where it is, and so does the menu. */
  pick(method: Method | undefined): void {
    if (!method || method.reason) return;
    this.close();
    this.#pick(method);
  }

  /** `show` opens the menu. */
  onKeyDown(event: KeyboardEvent, show: () => void): void {
    const { key } = event;
    if (event.ctrlKey || event.metaKey) return;
    if (!this.open.peek()) {
      if (!OPENING.includes(key)) return;
      show();
    } else if (key === "Escape") this.close();
    else if (key === "Enter") this.pick(this.listed.peek()[this.at]);
    else if (MOVING.includes(key)) this.#move(key);
    else return;
    used(event);
  }

  #move(key: string): void {
    const to = step(key, this.at, this.listed.peek().length, 6);
    if (to >= 0) this.active.value = this.listed.peek()[to].name;
  }
}
