import type { Reader } from "./reader.ts";

/** Opens the lobby as an event stream; returns how to close it. */
export function openEventSource(query: string, { said, ended }: Reader): () => void {
  // #region read
  const source = new EventSource(`/channels/chat:lobby?${query}`);
  source.onmessage = ({ data, lastEventId }) => said({ cursor: lastEventId, text: data });
  // It tries again by itself, with the ticket that is used: 401, and closed.
  source.onerror = () => source.readyState === EventSource.CLOSED && ended();
  // #endregion
  return () => source.close();
}
