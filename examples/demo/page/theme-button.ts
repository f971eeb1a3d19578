import { find } from "./find.ts";

const themes = ["system", "light", "dark"] as const;

/** Lets a visitor overrule the system's theme. */
export function startThemeButton(): void {
  const button = find("#theme", HTMLButtonElement);
  const root = document.documentElement;
  const current = () => themes.find((theme) => theme === root.dataset.theme) ?? "system";
  const show = () => {
    button.textContent = `Theme: ${current()}`;
  };
  button.addEventListener("click", () => {
    const next = themes[(themes.indexOf(current()) + 1) % themes.length] ?? "system";
    if (next === "system") {
      delete root.dataset.theme;
      localStorage.removeItem("theme");
    } else {
      root.dataset.theme = next;
      localStorage.setItem("theme", next);
    }
    show();
  });
  show();
}
