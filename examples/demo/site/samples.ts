import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { escapeHtml, highlight } from "./highlight.ts";

const place = /<!-- sample (?<path>\S+) (?<region>\S+) -->/g;

/**
 * Fills each `<!-- sample PATH REGION -->` of a page with the lines that PATH has between `// #region REGION` and the
 * next `// #endregion`: what a visitor reads is what runs. Throws when there are none.
 */
export async function withSamples(html: string, folder: string): Promise<string> {
  const wanted = [...html.matchAll(place)].map(({ groups }) => groups as { path: string; region: string });
  const texts = new Map<string, string>();
  for (const { path } of wanted) texts.set(path, await readFile(join(folder, path), "utf8"));
  return html.replace(place, (_, path: string, region: string) => {
    const code = extract(texts.get(path) ?? "", region);
    if (code === "")
      throw new Error(`${path} has no lines between "// #region ${region}" and "// #endregion".`);
    return `<pre data-sample="${escapeHtml(path)}" tabindex="0"><code>${highlight(code)}</code></pre>`;
  });
}

/** The lines of a region, moved left as far as they go together. */
export function extract(source: string, region: string): string {
  const lines = source.split("\n");
  const start = lines.findIndex((line) => line.trim() === `// #region ${region}`);
  if (start === -1) return "";
  const end = lines.findIndex((line, index) => index > start && line.trim() === "// #endregion");
  const inside = lines.slice(start + 1, end === -1 ? lines.length : end);
  const indents = inside.filter((line) => line.trim() !== "").map((line) => line.search(/\S/));
  const indent = Math.min(...indents);
  return inside
    .map((line) => line.slice(indent))
    .join("\n")
    .trim();
}
