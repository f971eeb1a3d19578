const keywords =
  "async|await|class|const|else|export|extends|for|from|function|if|implements|import|in|interface|let|new|of|private|public|readonly|return|this|throw|try|catch|finally|undefined|null|true|false|while|yield";

const token = new RegExp(
  [
    "(?<comment>//[^\\n]*|/\\*[\\s\\S]*?\\*/)",
    "(?<string>\"(?:\\\\.|[^\"\\\\\\n])*\"|'(?:\\\\.|[^'\\\\\\n])*'|`(?:\\\\.|[^`\\\\])*`)",
    "(?<number>\\b\\d[\\d_.]*\\b)",
    `(?<keyword>(?<![.\\w])(?:${keywords})\\b)`,
    "(?<call>\\b[A-Za-z_$][\\w$]*(?=\\())",
  ].join("|"),
  "g",
);

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (char) => entities[char] ?? char);
}

/** TypeScript as HTML in which comments, strings, numbers, keywords and calls carry a class of that name. */
export function highlight(code: string): string {
  let html = "";
  let at = 0;
  for (const match of code.matchAll(token)) {
    const kind = Object.entries(match.groups ?? {}).find(([, text]) => text !== undefined)?.[0];
    html += escapeHtml(code.slice(at, match.index));
    html += `<span class="${kind}">${escapeHtml(match[0])}</span>`;
    at = match.index + match[0].length;
  }
  return html + escapeHtml(code.slice(at));
}
