import { readFileSync } from "node:fs";

/** Beside this file once built, one folder up from the source. */
const manifest = new URL(
  import.meta.url.endsWith(".ts") ? "../package.json" : "./package.json",
  import.meta.url,
);

/** The version of this package. */
export const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { readonly version: string };
