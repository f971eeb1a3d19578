const obeyed = /[^\P{Cc}\t\n]|[\p{Zl}\p{Zp}]|[\u202a-\u202e\u2066-\u2069]/gu;

/** Text of unknown origin with what a terminal would obey instead of showing written out; line breaks and tabs stay. */
export function showable(text: string): string {
  return text.replace(obeyed, (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`);
}
