import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultLimits, type Limits, type Member } from "@holdfast/protocol";
import { Lobby } from "./lobby.ts";
import { type Courier, LobbyExchange } from "./lobby-exchange.ts";
import type { LobbyNews } from "./neighbours.ts";

const grace = 100;

/** Nodes with a lobby each for the channel "a", joined by an exchange whose messages arrive at once. */
class Town {
  now = 1000;
  readonly exchange = new LobbyExchange();

  node(name: string, limits: Partial<Limits> = {}) {
    const courier: Courier = (from, news) => {
      if (news.is === "member") lobby.welcome(from, news);
      else if (news.is === "left") lobby.miss(from, news.instance);
      else if (news.is === "signal") lobby.signal(news.key, news.data, news.sender);
    };
    const tell = (news: LobbyNews) => this.exchange.hear(name, news, courier);
    const host = {
      limits: { ...defaultLimits, presenceGraceMs: grace, ...limits },
      now: () => this.now,
      sweepAt: () => {},
      tell,
    };
    const lobby: Lobby = new Lobby("a", host, () => {});
    const told: string[] = [];
    lobby.listen({
      full: false,
      wantsSignals: true,
      wantsPresence: true,
      signalsHeard: 0,
      presenceHeard: -1,
      notice({ message }) {
        if (message.type === "signal") told.push(`signal ${message.data}`);
        if (message.type !== "presence") return;
        for (const { instance, data } of message.members) told.push(`${instance}=${data}`);
        for (const instance of message.left) told.push(`${instance} left`);
      },
    });
    tell({ is: "open", channel: "a" });
    return {
      lobby,
      tell,
      members: () => shown(lobby.members),
      heard: () => {
        lobby.flush();
        return told.splice(0);
      },
    };
  }
}

function shown(members: readonly Member[]): string[] {
  return members.map(({ instance, data }) => `${instance}=${data}`).toSorted();
}

test("[PRS-1] [PRS-2] members of every node are members of one lobby, those included that were there before it", () => {
  const town = new Town();
  const one = town.node("1");
  one.lobby.enter({}, "ada", 1);
  const other = town.node("2");
  assert.deepEqual(other.heard(), ["ada=1"]);
  other.lobby.enter({}, "bob", 2);
  for (const node of [one, other]) assert.deepEqual(node.members(), ["ada=1", "bob=2"]);
  assert.deepEqual(one.heard(), ["ada=1", "bob=2"]);
  // A node without a lobby of its own learns it by asking.
  assert.deepEqual(shown(town.exchange.members("a", "3")), ["ada=1", "bob=2"]);
  assert.deepEqual(shown(town.exchange.members("a", "2")), ["ada=1"]);
});

test("[PRS-1] a member that moves from node to node is one, is here since it came, and is shown as it is now", () => {
  const town = new Town();
  const [one, other] = [town.node("1"), town.node("2")];
  const [before, after] = [{}, {}];
  one.lobby.enter(before, "ada", "old");
  town.now += 50;
  other.lobby.enter(after, "ada", "new");
  one.lobby.disconnect(before, "ada");
  for (const node of [one, other]) assert.deepEqual(node.members(), ["ada=new"]);
  assert.deepEqual(
    [...one.lobby.members, ...other.lobby.members].map(({ since }) => since),
    [1000, 1000],
  );
  one.heard();
  town.now += grace;
  one.lobby.sweep(town.now);
  assert.deepEqual(one.heard(), []);
  assert.deepEqual(one.members(), ["ada=new"]);
  other.lobby.leave(after, "ada");
  assert.deepEqual(one.heard(), ["ada left"]);
  assert.deepEqual([one.members(), other.members(), town.exchange.members("a", "3")], [[], [], []]);
});

test("[PRS-1] one that joins a node before this hears of its neighbours is here since it came to them", () => {
  const town = new Town();
  const one = town.node("1");
  one.lobby.enter({}, "ada", 1);
  const { since } = one.lobby.members[0] ?? assert.fail();
  town.now += 50;
  const late = new Town();
  late.now = town.now;
  const other = late.node("2");
  other.lobby.enter({}, "ada", 1);
  other.lobby.welcome("1", { member: { instance: "ada", data: 1, since }, isAway: true });
  assert.deepEqual(other.lobby.members, [{ instance: "ada", data: 1, since }]);
});

test("[PRS-1] who was here through a node that died stays for the grace, and is not gone if it came back elsewhere", () => {
  const town = new Town();
  const [one, other] = [town.node("1"), town.node("2")];
  one.lobby.enter({}, "ada", 1);
  one.lobby.enter({}, "bob", 2);
  other.heard();
  town.exchange.lost("1");
  assert.deepEqual(other.heard(), []);
  other.lobby.enter({}, "ada", 1);
  town.exchange.forget("1");
  assert.deepEqual(other.heard(), ["bob left"]);
  assert.deepEqual(other.members(), ["ada=1"]);
});

test("[AUTH] an instance that is another user's is refused on every node while that user is there", () => {
  const town = new Town();
  const [one, other] = [town.node("1"), town.node("2")];
  const connection = {};
  one.lobby.enter(connection, "instance", 1, "ada");
  assert.throws(() => other.lobby.enter({}, "instance", 2, "bob"), { code: "forbidden" });
  one.lobby.disconnect(connection, "instance");
  other.lobby.enter({}, "instance", 2, "bob");
  assert.deepEqual(one.members(), ["instance=2"]);
});

test("[BND-2] the members of all nodes count against the limit of a lobby, each once", () => {
  const town = new Town();
  const [one, other] = [town.node("1"), town.node("2", { presenceMembersMax: 2 })];
  one.lobby.enter({}, "ada", 1);
  other.lobby.enter({}, "ada", 1);
  other.lobby.enter({}, "bob", 1);
  assert.throws(() => other.lobby.enter({}, "cy", 1), { code: "overloaded" });
});

test("[BND-2] [PRS-3] the bytes of members of all nodes count, each once by the largest that is held of it", () => {
  const town = new Town();
  const limits = { presenceBytesMax: 1000 };
  const [one, other] = [town.node("1", limits), town.node("2", limits)];
  const large = "x".repeat(900);
  const full = { code: "overloaded", limit: "presenceBytesMax" };
  const before = {};
  one.lobby.enter(before, "ada", large);
  assert.throws(() => other.lobby.enter({}, "bob", large), full);
  // One that moves takes its room along, and holds it while the node that it came from still knows it as it was.
  const after = {};
  other.lobby.enter(after, "ada", large);
  other.lobby.enter(after, "ada", "small");
  one.lobby.disconnect(before, "ada");
  assert.throws(() => other.lobby.enter({}, "bob", large), full);
  assert.throws(() => one.lobby.enter({}, "bob", large), full);
  town.now += grace;
  one.lobby.sweep(town.now);
  other.lobby.enter({}, "bob", large);
  for (const node of [one, other]) assert.deepEqual(node.members(), ["ada=small", `bob=${large}`]);
  other.lobby.leave(after, "ada");
  assert.throws(() => one.lobby.enter({}, "cy", large), full);
});

test("[PRS-3] who was let in elsewhere is never turned away, and who has room keeps it beyond the bound", () => {
  const lobby = new Town().node("1", { presenceBytesMax: 1000 }).lobby;
  const large = "x".repeat(900);
  lobby.enter({}, "ada", large);
  lobby.welcome("2", { member: { instance: "bob", data: large, since: 1 }, isAway: false });
  assert.deepEqual(shown(lobby.members), [`ada=${large}`, `bob=${large}`]);
  lobby.enter({}, "ada", large);
  lobby.enter({}, "bob", large);
  lobby.enter({}, "ada", large.slice(9));
  assert.throws(() => lobby.enter({}, "ada", large), { limit: "presenceBytesMax" });
});

test("[SIG-1] a signal reaches the listeners of every node that has some, and nobody twice", () => {
  const town = new Town();
  const nodes = [town.node("1"), town.node("2"), town.node("3")] as const;
  const signal = { is: "signal", channel: "a", key: "k", data: "hi", sender: {} } as const;
  nodes[0].tell(signal);
  assert.deepEqual(
    nodes.map((node) => node.heard()),
    [[], ["signal hi"], ["signal hi"]],
  );
  nodes[2].tell({ is: "shut", channel: "a" });
  nodes[0].tell(signal);
  assert.deepEqual(
    nodes.map((node) => node.heard()),
    [[], ["signal hi"], []],
  );
});

test("[BND] nothing is kept of a channel that nobody listens to and nobody is in", () => {
  const town = new Town();
  const node = town.node("1");
  const connection = {};
  node.lobby.enter(connection, "ada", 1);
  node.lobby.leave(connection, "ada");
  assert.equal(town.exchange.channels, 1);
  node.tell({ is: "shut", channel: "a" });
  node.tell({ is: "signal", channel: "b", key: "", data: 1, sender: {} });
  assert.equal(town.exchange.channels, 0);
});
