import assert from "node:assert/strict";
import { acceptDeflate, encodeUtf8, formatDraft, formatPosition, isChannelName } from "@holdfast/protocol";
import {
  bodyKind,
  channelOf,
  conditionOf,
  match,
  namedTag,
  negotiate,
  pageTag,
  parseBatch,
  parseParameters,
  readAcceptEncoding,
  seconds,
  splitQuery,
  splitTarget,
  startOf,
  wholeNumber,
} from "@holdfast/server/decoders";
import { anyOf, jsonNear, mutated, sentences } from "./input.ts";
import { type FuzzTarget, target, unlessRefused } from "./target.ts";

const names = ["after", "last", "limit", "wait"] as const;
const queryWords = [
  "after",
  "last",
  "limit",
  "wait",
  "=",
  "&",
  "%",
  "%41",
  "%c3%a9",
  "%ff",
  "+",
  "k3-17",
  "oldest",
];
const offers = ["application/json", "text/event-stream"] as const;
const acceptWords = [
  "*/*",
  "text/*",
  "application/json",
  "text/event-stream",
  ",",
  ";",
  "q=",
  "0.5",
  "1",
  "0",
  " ",
];
const encodingWords = ["gzip", "x-gzip", "zstd", "identity", "*", ",", ";", "q=", "0", "0.5", " "];
const extensionWords = [
  "permessage-deflate",
  "server_max_window_bits",
  "client_max_window_bits",
  "server_no_context_takeover",
  "=15",
  ",",
  ";",
  '"',
  " ",
];
const targetWords = [
  "/channels/",
  "/",
  "orders",
  "close",
  "state",
  "%3A",
  "%",
  "?",
  "http://a",
  "connect",
  "events",
];

function checkQuery(query: string): void {
  const pairs = unlessRefused(() => splitQuery(query));
  if (pairs === undefined) return;
  // Half a surrogate pair cannot come over the wire.
  if (query.isWellFormed()) assert.deepEqual(splitQuery(new URLSearchParams(pairs).toString()), pairs);
  const parameters = unlessRefused(() => parseParameters(query, names));
  if (parameters === undefined) return;
  const known = Object.entries(parameters);
  assert.deepEqual(new Map(known), new Map(pairs));
  assert.equal(known.length, pairs.length);
  const { after, last, limit, wait } = parameters;
  const start = unlessRefused(() => startOf(parameters));
  if (start !== undefined && "last" in start) assert.equal(String(start.last), last);
  if (start !== undefined && "after" in start) assert.equal(formatPosition(start.after), after ?? "latest");
  const count = limit && unlessRefused(() => wholeNumber("limit", limit, 1, 1000));
  if (count) assert.ok(count >= 1 && count <= 1000 && String(count) === limit);
  const waitMs = wait && unlessRefused(() => seconds("wait", wait, 60_000));
  if (waitMs) assert.ok(waitMs <= 60_000 && Number.isInteger(waitMs));
}

function checkTarget(input: string): void {
  const { path, query } = splitTarget(input);
  if (input.startsWith("/")) assert.ok(input === path || input === `${path}?${query}`);
  const found = match(path);
  if (found?.channelText === undefined) return;
  const { channelText } = found;
  const channel = unlessRefused(() => channelOf(channelText));
  if (channel === undefined) return;
  assert.ok(isChannelName(channel));
  assert.equal(channelOf(encodeURIComponent(channel)), channel);
}

/** What reads the parts of a request. */
export const requestTargets: readonly FuzzTarget[] = [
  target(
    "query",
    anyOf(
      mutated(["after=k3v9-17&limit=10&wait=2.5", "last=7", "a%20b=c+d"], queryWords),
      sentences(queryWords),
    ),
    checkQuery,
  ),
  target(
    "target",
    anyOf(
      mutated(["/channels/orders?after=k-1", "/channels/a%3Ab/state", "http://h/connect"], targetWords),
      sentences(targetWords),
    ),
    checkTarget,
  ),
  target(
    "accept",
    anyOf(
      mutated(["text/event-stream, */*;q=0.1", "application/json;q=0.9"], acceptWords),
      sentences(acceptWords),
    ),
    (input) => {
      const chosen = unlessRefused(() => negotiate(input, offers));
      assert.ok(chosen === undefined || offers.includes(chosen));
      // Without a weight nothing is excluded, and whoever takes anything is not refused.
      assert.ok(offers.includes(negotiate(`${input.replaceAll("=", "")}, */*`, offers)));
    },
  ),
  target(
    "accept-encoding",
    anyOf(
      mutated(["gzip, deflate, br, zstd", "gzip;q=0.5, *;q=0, identity"], encodingWords),
      sentences(encodingWords),
    ),
    (input) => {
      const { coding } = unlessRefused(() => readAcceptEncoding(input)) ?? {};
      assert.ok(coding === undefined || new RegExp(`${coding}|\\*`, "i").test(input));
    },
  ),
  target(
    "websocket-extensions",
    anyOf(
      mutated(["permessage-deflate; client_max_window_bits, permessage-deflate"], extensionWords),
      sentences(extensionWords),
    ),
    (input) => {
      const accepted = acceptDeflate(input);
      if (accepted === undefined) return;
      assert.ok(input.includes("permessage-deflate"));
      // What is agreed on is itself an offer that can be taken.
      assert.equal(acceptDeflate(accepted), accepted);
    },
  ),
  target(
    "entity-tag",
    mutated(['"k3-17"', 'W/"k3-17.more", "k3-18"', "*"], ['"', "W/", ",", ".end", ".gzip", "k3-17"]),
    (input) => {
      const cursor = unlessRefused(() => conditionOf(input));
      if (cursor !== undefined) assert.ok(/^\s*"/.test(input));
      if (cursor !== undefined && !/\.(more|end)"/.test(input)) {
        assert.ok(namedTag(input, pageTag(cursor, { more: false, closed: false })));
      }
    },
  ),
  target(
    "content-type",
    mutated(
      ["application/json; charset=utf-8", 'text/plain;charset="UTF-8"', "application/x-ndjson"],
      [";", "charset=", "/"],
    ),
    (input) => {
      const kind = unlessRefused(() => bodyKind(input));
      assert.ok(kind === undefined || ["json", "text", "base64", "batch"].includes(kind));
    },
  ),
  target(
    "batch",
    jsonNear(
      ['{"data":1}', '{"data":"AAE=","encoding":"base64","key":"k"}', '{"data":[1.0],"type":"t","id":"i"}'],
      ["\n", "\r\n"],
    ),
    (input) => {
      const drafts = unlessRefused(() => parseBatch(encodeUtf8(`${input}\n\n${input}`)));
      if (drafts === undefined) return;
      const again = parseBatch(encodeUtf8(drafts.map(formatDraft).join("\n")));
      assert.deepEqual(again, drafts);
    },
  ),
];
