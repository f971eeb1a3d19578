/** A WebSocket, and a way to let go of it whatever the server does. */
export interface AbortableSocket {
  readonly socket: WebSocket;
  /** Does nothing where the platform sees to that itself. */
  readonly abort: () => void;
}

interface Dispatcher {
  dispatch(options: unknown, handler: object): boolean;
}

interface Destroyable {
  destroy(): void;
}

/**
 * Opens a WebSocket that can be aborted.
 *
 * Browsers give a server that does not answer a close a few seconds. Node waits for it without end, and the process
 * with it: there the socket underneath is caught as the connection is upgraded, on its way through the dispatcher
 * that Node's WebSocket takes as an option. `terminate` is what the package `ws` offers.
 */
export function openAbortable(
  WebSocketClass: typeof WebSocket,
  url: string,
  protocols: readonly string[],
): AbortableSocket {
  const inner = WebSocketClass === globalThis.WebSocket ? globalDispatcher() : undefined;
  if (inner === undefined) {
    const socket: WebSocket & { terminate?: () => void } = new WebSocketClass(url, [...protocols]);
    return { socket, abort: () => socket.terminate?.() };
  }
  let caught: Destroyable | undefined;
  const dispatcher: Dispatcher = {
    dispatch: (options, handler) =>
      inner.dispatch(
        options,
        catchUpgrade(handler, (socket) => (caught = socket)),
      ),
  };
  const settings = { protocols, dispatcher } as unknown as string[];
  return { socket: new WebSocketClass(url, settings), abort: () => caught?.destroy() };
}

function globalDispatcher(): Dispatcher | undefined {
  const slots = globalThis as Record<symbol, unknown>;
  // The second is of the handlers that newer versions of Node speak, the first of those before.
  for (const name of ["undici.globalDispatcher.2", "undici.globalDispatcher.1"]) {
    const found = slots[Symbol.for(name)];
    if (isDispatcher(found)) return found;
  }
  return undefined;
}

function isDispatcher(value: unknown): value is Dispatcher {
  return typeof (value as Dispatcher | undefined)?.dispatch === "function";
}

function catchUpgrade(handler: object, onSocket: (socket: Destroyable) => void): object {
  return new Proxy(handler, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      return (...given: unknown[]): unknown => {
        const socket = /upgrade/i.test(String(name)) ? given.find(isDestroyable) : undefined;
        if (socket !== undefined) onSocket(socket);
        return Reflect.apply(value, target, given);
      };
    },
  });
}

function isDestroyable(value: unknown): value is Destroyable {
  const socket = value as (Destroyable & { write?: unknown }) | null | undefined;
  return typeof socket?.destroy === "function" && typeof socket.write === "function";
}
