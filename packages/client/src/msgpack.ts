/**
 * MessagePack for the WebSocket: bytes travel as they are, without base64. An entry of its own, so that who does not
 * import it does not load it.
 *
 *     connect(url, { codec: msgpack })
 */
export { msgpackCodec as msgpack } from "@holdfast/protocol/msgpack";
