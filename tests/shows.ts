import type { Locator } from "playwright-core";

/** Resolves when the text of an element is as wanted. */
export async function shows(locator: Locator, wanted: RegExp, timeout = 20_000): Promise<void> {
  await locator
    .filter({ hasText: wanted })
    .first()
    .waitFor({ state: "attached", timeout })
    .catch(async (cause) => {
      const text = await locator
        .first()
        .textContent({ timeout: 1000 })
        .catch(() => "(nothing)");
      throw new Error(`Waited for ${wanted} and saw "${text}".`, { cause });
    });
}
