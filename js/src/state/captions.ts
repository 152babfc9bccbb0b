import { CHOICE_KEYS, type Choice } from "../messages.ts";
import type { Facts } from "./catalog.ts";
import type { Picture } from "./pane.ts";

type Key = (typeof CHOICE_KEYS)[number];

/** What differs between any two of the panes. */
export function differing(choices: readonly Choice[]): Key[] {
  const text = (choice: Choice, key: Key) => JSON.stringify(choice[key]);
  return CHOICE_KEYS.filter((key) => choices.some((choice) => text(choice, key) !== text(choices[0], key)));
}

/** What a pane shows that others do not, in few words. */
export function caption(choice: Choice, keys: readonly Key[], facts: Facts): string {
  const has = (...wanted: Key[]) => wanted.some((key) => keys.includes(key));
  const parts = [
    has("model") && facts.modelOf(choice).name,
    has("method", "params") && methodText(choice, has("params"), facts),
    has("class_index", "contrast_index") && facts.classes(choice),
    has("layer") && facts.methodOf(choice)?.layer !== false && choice.layer,
    has("image_index") && imageName(choice.image_index, facts),
  ];
  return parts.filter(Boolean).join(" · ") || "the same";
}

function methodText(choice: Choice, withParams: boolean, facts: Facts): string {
  const method = facts.methodOf(choice);
  const title = method?.title ?? choice.method;
  if (!withParams) return title;
  const set = method?.params.filter(({ name, default: usual }) => (choice.params[name] ?? usual) !== usual) ?? [];
  return [title, ...set.map(({ name }) => `${name.replaceAll("_", " ")} ${choice.params[name]}`)].join(", ");
}

export function imageName(index: number, facts: Facts): string {
  return `Image ${facts.imageNumber(index)}`;
}

/** The picture in words: image, method, class, layer. */
export function describe(picture: Picture | null, facts: Facts): string {
  if (!picture) return "Nothing yet.";
  const where = imageName(picture.index, facts);
  if (!picture.result) return `${where}, no map yet.`;
  const { choice, note } = picture.result;
  const method = facts.methodOf(choice);
  const layer = method?.layer === false ? "" : ` at layer ${choice.layer}`;
  const model = facts.models.length > 1 ? ` of ${facts.modelOf(choice).name}` : "";
  const said = note ? ` ${note}` : "";
  return `${where}: ${method?.title ?? choice.method} of class ${facts.classes(choice)}${layer}${model}.${said}`;
}

/** The name of an image's file. */
export function fileName(choice: Choice, facts: Facts): string {
  const { name } = facts.modelOf(choice);
  const words = [name, choice.method, facts.classes(choice), imageName(choice.image_index, facts)];
  return `${words.join(" ").replaceAll(/[^\p{L}\p{N}]+/gu, "-")}.png`;
}
