type ElementClass<T extends Element> = { new (): T; readonly name: string };

/** The element that the page's markup has for a selector; throws when that promise is broken. */
export function find<T extends Element>(
  selector: string,
  type: ElementClass<T>,
  within: ParentNode = document,
): T {
  const element = within.querySelector(selector);
  if (element instanceof type) return element;
  throw new Error(`The page has no ${type.name} at "${selector}".`);
}

/** A new element with a text in it; never parsed as markup. */
export function create<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  text = "",
  className = "",
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  if (text !== "") element.textContent = text;
  if (className !== "") element.className = className;
  return element;
}
