import assert from "node:assert/strict";
import { test } from "node:test";
import { chunk, decodeUtf8, encodeUtf8, lastChunk } from "./index.ts";

test("[SSE-1] a chunk says its length in hexadecimal, and no bytes are no chunk", () => {
  assert.equal(decodeUtf8(chunk(encodeUtf8("data: 1\n\n"))), "9\r\ndata: 1\n\n\r\n");
  assert.equal(decodeUtf8(chunk(new Uint8Array(4096).fill(97))).slice(0, 7), "1000\r\na");
  assert.equal(chunk(new Uint8Array(0)).length, 0);
  assert.equal(decodeUtf8(lastChunk), "0\r\n\r\n");
});
