/** What the names of layers tell: which share a hasPrefix, and which were not given by anybody. */

const letters = (text: string) => text.replace(/[\d_]+/g, "").toLowerCase();

/** Keras named it: `batch_normalization_7`. */
export function isAutomatic(name: string, type: string): boolean {
  // Most names differ in their first letter already.
  return name[0].toLowerCase() === type[0].toLowerCase() && letters(name) === letters(type);
}

/** Whether a name is `prefix`, or goes on after it with a word of its own. */
export function hasPrefix(name: string, prefix: string): boolean {
  return name.startsWith(prefix) && (name.length === prefix.length || /[_.-]/.test(name[prefix.length]));
}

/** The whole words that all names begin with; those that Keras gave do not count, unless most are. */
export function commonPrefix(named: readonly { name: string; automatic: boolean }[]): string {
  const names = named.filter(({ automatic }) => !automatic).map(({ name }) => `${name}_`);
  if (names.length < 2 || 2 * names.length < named.length) return "";
  let length = 0;
  while (length < names[0].length && names.every((name) => name[length] === names[0][length])) length++;
  return /^(.*)[_.-]/.exec(names[0].slice(0, length))?.[1] ?? "";
}

/** A name without the beginning that the block around it says already. */
export function withoutPrefix(name: string, prefix: string): string {
  return prefix && hasPrefix(name, prefix) ? name.slice(prefix.length + 1) || name : name;
}

/** A name up to its first number: `block2` of `block2a_conv`, or with the rest of that word `block2a`; null without. */
export function stageOf(name: string, wholeWord: boolean): string | null {
  const number = wholeWord ? /^(?:[^\d_.-]+[_.-])*[^\d_.-]*\d[^_.-]*/ : /^(?:[^\d_.-]+[_.-])*[^\d_.-]*\d+/;
  return number.exec(name)?.[0] ?? null;
}
