// These run in a page, so each holds all that it needs.

/** Texts that do not fit their boxes. */
export function clippedTexts(): string[] {
  const texts = document.querySelectorAll(
    "h1, h2, h3, button, dt, dd, td, th, label, .state, .tile p, .vitals div",
  );
  return [...texts]
    .filter((one) => one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).display !== "inline")
    .map((one) => `${one.tagName} "${one.textContent?.trim()}"`);
}

/** Texts whose contrast is below 4.5 to 1. WCAG 2.2, criterion 1.4.3; large ones are held to the same. */
export function faintTexts(): string[] {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true })!;
  const paint = (...colors: string[]) => {
    for (const color of colors) {
      context.fillStyle = color;
      context.fillRect(0, 0, 1, 1);
    }
    const [red = 0, green = 0, blue = 0] = context.getImageData(0, 0, 1, 1).data;
    const linear = (part: number) => {
      const value = part / 255;
      return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    };
    return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
  };
  const backgrounds = (element: Element | null): string[] =>
    element === null
      ? ["white"]
      : [...backgrounds(element.parentElement), getComputedStyle(element).backgroundColor];
  const faint: string[] = [];
  for (const element of document.querySelectorAll("body *")) {
    const ownText = [...element.childNodes].find(
      ({ nodeType, textContent }) => nodeType === 3 && textContent?.trim(),
    );
    if (ownText === undefined || element.matches(":disabled")) continue;
    const below = backgrounds(element);
    const behind = paint(...below);
    const front = paint(...below, getComputedStyle(element).color);
    const contrast = (Math.max(front, behind) + 0.05) / (Math.min(front, behind) + 0.05);
    if (contrast < 4.5) faint.push(`${contrast.toFixed(2)} "${ownText.textContent?.trim()}"`);
  }
  return faint;
}
