import type { Reader } from "./reader.ts";

/** Opens the lobby as a WebSocket; returns how to close it. */
export function openWebSocket(query: string, { said, ended }: Reader): () => void {
  // #region read
  const socket = new WebSocket(`/channels/chat:lobby?${query}`);
  socket.onmessage = ({ data }) => said({ cursor: JSON.parse(data).cursor, text: data });
  socket.onclose = () => ended();
  // #endregion
  return () => socket.close();
}
