import type { Method } from "../messages.ts";
import { terms } from "./query.ts";

export interface Family {
  title: string;
  methods: Method[];
}

/** Return the methods that match a query by title, name, family or what they answer, family by family. */
export function families(methods: readonly Method[], query: string): Family[] {
  const words = terms(query);
  const found: Family[] = [];
  for (const method of methods) {
    const text = [method.title, method.name, method.family, method.answers].join(" ").toLowerCase();
    if (!words.every((word) => text.includes(word))) continue;
    const title = method.family ?? "";
    const family = found.find((one) => one.title === title);
    if (family) family.methods.push(method);
    else found.push({ title, methods: [method] });
  }
  return found;
}
