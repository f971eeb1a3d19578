import { randomInt } from "node:crypto";

const birds = ["auk", "curlew", "dunlin", "eider", "fulmar", "gannet", "heron", "knot", "petrel", "plover"];
const others = [
  "puffin",
  "scoter",
  "shag",
  "skua",
  "smew",
  "teal",
  "tern",
  "turnstone",
  "whimbrel",
  "wigeon",
];
const names = [...birds, ...others];

/** A user id that can be remembered, and that nobody else has: a shore bird with a number. */
export function drawUser(): string {
  return `${names[randomInt(names.length)]}-${randomInt(100_000, 1_000_000)}`;
}
