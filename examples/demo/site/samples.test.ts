import assert from "node:assert/strict";
import { test } from "node:test";
import { highlight } from "./highlight.ts";
import { extract } from "./samples.ts";

const source = [
  "function f() {",
  "  // #region inner",
  "  if (a) {",
  "",
  "    b();",
  "  }",
  "  // #endregion",
  "}",
].join("\n");

test("[SEE] a region is moved left as far as its lines go together", () => {
  assert.equal(extract(source, "inner"), "if (a) {\n\n  b();\n}");
});

test("[SEE] a region that is not there is empty", () => {
  assert.equal(extract(source, "other"), "");
});

test("[SEE] code is shown as it is, with nothing of it taken for markup", () => {
  const html = highlight('const a = "</code><b>" && 1; // <i>');
  assert.equal(
    html.replaceAll(/<\/?span[^>]*>/g, ""),
    "const a = &quot;&lt;/code&gt;&lt;b&gt;&quot; &amp;&amp; 1; // &lt;i&gt;",
  );
  assert.match(html, /<span class="keyword">const<\/span>/);
  assert.match(html, /<span class="comment">\/\/ &lt;i&gt;<\/span>/);
});

test("[SEE] a method that has a keyword's name is a call", () => {
  assert.match(highlight("a.catch(b)"), /<span class="call">catch<\/span>/);
});
