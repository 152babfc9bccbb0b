/** Split a search query into its words, in lower case. */
export function terms(query: string): string[] {
  return query.toLowerCase().split(/\s+/).filter(Boolean);
}

/** Split a text at the words of a query: the second, fourth ... piece is a match. */
export function splitAtMatches(text: string, query: string): string[] {
  const words = terms(query).map((word) => word.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
  return words.length > 0 ? text.split(new RegExp(`(${words.join("|")})`, "giu")) : [text];
}
