import type { Choice, Method } from "../messages.ts";

/**
 * Return the choice as a string of everything that its map depends on, and nothing else: equal maps have equal keys.
 * With `anyLayer` the layer is left out, as for the maps of all layers.
 */
export function choiceKey(choice: Choice, methods: readonly Method[], anyLayer = false): string {
  const method = methods.find(({ name }) => name === choice.method);
  const own = method?.params.map(({ name, default: value }) => [name, choice.params[name] ?? value] as const);
  const params = own ?? Object.entries(choice.params);
  return JSON.stringify([
    choice.image_index,
    !anyLayer && (method?.uses_layer ?? true) ? choice.layer : "",
    choice.class_index,
    choice.contrast_index ?? null,
    choice.method,
    params,
    choice.model_index ?? 0,
  ]);
}

/** Return the choice without other traits; fields that an older kernel lacks get their neutral value. */
export function pickChoice(choice: Choice): Choice {
  const { image_index, layer, class_index, contrast_index = null, method, params, model_index = 0 } = choice;
  return { image_index, layer, class_index, contrast_index, method, params, model_index };
}
