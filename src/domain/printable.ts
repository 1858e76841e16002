/** What moves the cursor, changes colours, ends a line or turns the text around: control, format and separator characters. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
/** Of these, what JSON.stringify leaves as it is. */
const UNPRINTABLE_IN_JSON = /[\x7f-\x9f\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Text from outside as one line that a terminal only shows: `\u001b[31m`. */
export function printable(text: string): string {
  return text.replaceAll(UNPRINTABLE, escape);
}

/** The same of JSON: it stays JSON of the same value. */
export function printableJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replaceAll(UNPRINTABLE_IN_JSON, escape);
}

/** One escape for each of its one or two units in UTF-16, as JSON has it. */
function escape(character: string): string {
  return Array.from(
    { length: character.length },
    (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`,
  ).join('');
}
