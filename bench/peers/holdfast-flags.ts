/** What `docs/performance.md` recommends for a process with many connections, and `holdfast serve` runs with. */
export const holdfastFlags = ["--max-semi-space-size=4"] as const;
