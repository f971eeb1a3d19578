import { chromiumPath } from "@holdfast/tools/need-chromium";
import { type Browser, chromium } from "playwright-core";

/** A Chromium that stays off the network but for what a test asks of it. */
export function launchChromium(): Promise<Browser> {
  const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"];
  const quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"];
  return chromium.launch({ executablePath: chromiumPath(), headless: true, args: [...args, ...quiet] });
}
