/** What moves the cursor, changes colours, ends a line or reverses text: control, format and separator characters. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
/** Of these, the ones that JSON.stringify does not escape. */
const UNPRINTABLE_IN_JSON = /[\x7f-\x9f\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Text from outside as one harmless line for a terminal: `\u001b[31m`. */
export function printable(text: string): string {
  return text.replaceAll(UNPRINTABLE, escape);
}

/** The same for a value, as JSON. */
export function printableJson(value: unknown, indent?: number): string {
  return printableJsonText(JSON.stringify(value, undefined, indent));
}

/** The same for the text of a JSON value: the result is JSON of the same value. */
export function printableJsonText(json: string): string {
  return json.replaceAll(UNPRINTABLE_IN_JSON, escape);
}

/** One JSON escape for each of its one or two UTF-16 units. */
function escape(character: string): string {
  return Array.from(
    { length: character.length },
    (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`,
  ).join('');
}
