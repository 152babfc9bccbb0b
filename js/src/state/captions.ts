import { CHOICE_KEYS, type Choice } from "../messages.ts";
import type { Picture } from "../picture/picture.ts";
import type { Catalog } from "./catalog.ts";

type Key = (typeof CHOICE_KEYS)[number];

/** Return the keys in which any two of the panes differ. */
export function differing(choices: readonly Choice[]): Key[] {
  const text = (choice: Choice, key: Key) => JSON.stringify(choice[key]);
  return CHOICE_KEYS.filter((key) => choices.some((choice) => text(choice, key) !== text(choices[0], key)));
}

/** Return what distinguishes a pane from the others, in few words. */
export function caption(choice: Choice, keys: readonly Key[], catalog: Catalog): string {
  const has = (...wanted: Key[]) => wanted.some((key) => keys.includes(key));
  const words = [
    has("model_index") && catalog.modelOf(choice).name,
    has("method", "params") && methodText(choice, has("params"), catalog),
    has("class_index", "contrast_index") && catalog.classes(choice),
    has("layer") && catalog.methodOf(choice)?.uses_layer !== false && choice.layer,
    has("image_index") && imageName(choice.image_index, catalog),
  ];
  return words.filter(Boolean).join(" · ") || "identical";
}

function methodText(choice: Choice, withParams: boolean, catalog: Catalog): string {
  const method = catalog.methodOf(choice);
  const title = method?.title ?? choice.method;
  if (!withParams) return title;
  const set = method?.params.filter(({ name, default: usual }) => (choice.params[name] ?? usual) !== usual) ?? [];
  return [title, ...set.map(({ name }) => `${name.replaceAll("_", " ")} ${choice.params[name]}`)].join(", ");
}

export function imageName(index: number, catalog: Catalog): string {
  return `Image ${catalog.imageNumber(index)}`;
}

/** Return the alternative text of a picture: image, method, class, layer. */
export function describe(picture: Picture | null, catalog: Catalog): string {
  if (!picture) return "No picture yet.";
  const where = imageName(picture.index, catalog);
  if (!picture.result) return `${where}, no map yet.`;
  const { choice, empty_reason } = picture.result;
  const method = catalog.methodOf(choice);
  const layer = method?.uses_layer === false ? "" : ` at layer ${choice.layer}`;
  const model = catalog.models.length > 1 ? ` of ${catalog.modelOf(choice).name}` : "";
  const reason = empty_reason ? ` ${empty_reason}` : "";
  return `${where}: ${method?.title ?? choice.method} of class ${catalog.classes(choice)}${layer}${model}.${reason}`;
}

/** Return the name of a PNG file. */
export function fileName(choice: Choice, catalog: Catalog): string {
  const { name } = catalog.modelOf(choice);
  const words = [name, choice.method, catalog.classes(choice), imageName(choice.image_index, catalog)];
  return `${words.join(" ").replaceAll(/[^\p{L}\p{N}]+/gu, "-")}.png`;
}
