/** What a page's device tells its connection. */
export interface DeviceHandlers {
  online(): void;
  offline(): void;
  /** The page is back; `surely` when its connections cannot have lived on. */
  wake(surely: boolean): void;
}

/** Listens to what the device tells, where it tells anything; returns how to stop. */
export function watchDevice(handlers: DeviceHandlers): () => void {
  const page = globalThis as Partial<Pick<typeof globalThis, "addEventListener" | "document">>;
  if (typeof page.addEventListener !== "function") return () => {};
  const controller = new AbortController();
  const { signal } = controller;
  page.addEventListener("online", () => handlers.online(), { signal });
  page.addEventListener("offline", () => handlers.offline(), { signal });
  page.addEventListener("pageshow", ({ persisted }) => persisted && handlers.wake(true), { signal });
  const { document } = page;
  document?.addEventListener("resume", () => handlers.wake(true), { signal });
  const onVisible = () => document?.visibilityState === "visible" && handlers.wake(false);
  document?.addEventListener("visibilitychange", onVisible, { signal });
  return () => controller.abort();
}
