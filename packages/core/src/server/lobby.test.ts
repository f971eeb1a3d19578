import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type ControlMessage, defaultLimits, type Limits } from "@holdfast/protocol";
import type { Notice } from "./batch.ts";
import { Lobby } from "./lobby.ts";
import type { Listener } from "./news.ts";

class Ear implements Listener {
  full = false;
  readonly wantsSignals: boolean;
  readonly wantsPresence: boolean;
  signalsHeard = 0;
  presenceHeard = 0;
  readonly notices: Notice[] = [];
  /** Notices that it takes until it is full. */
  room = Number.POSITIVE_INFINITY;
  onNotice = () => {};

  constructor(wants: "signals" | "presence" | "both" = "both") {
    this.wantsSignals = wants !== "presence";
    this.wantsPresence = wants !== "signals";
  }

  notice(notice: Notice): void {
    assert.equal(this.full, false, "told although it is full");
    this.notices.push(notice);
    this.full = --this.room <= 0;
    this.onNotice();
  }

  get messages(): ControlMessage[] {
    return this.notices.map(({ message }) => message);
  }

  /** What it knows of who is here, from all it was told. */
  get members(): string[] {
    let members = new Map<string, unknown>();
    for (const message of this.messages) {
      if (message.type !== "presence") continue;
      if (message.full) members = new Map();
      for (const { instance, data } of message.members) members.set(instance, data);
      for (const instance of message.left) assert.ok(members.delete(instance), `${instance} was not there`);
    }
    return [...members].map(([instance, data]) => `${instance}=${JSON.stringify(data)}`).toSorted();
  }

  get signals(): unknown[] {
    return this.messages.flatMap((message) => (message.type === "signal" ? [message.data] : []));
  }
}

class Room {
  now = 1000;
  sweepAt = Number.POSITIVE_INFINITY;
  dirty = 0;
  readonly lobby: Lobby;

  constructor(limits: Partial<Limits> = {}) {
    const host = {
      limits: { ...defaultLimits, ...limits },
      now: () => this.now,
      sweepAt: (_lobby: Lobby, at: number) => {
        this.sweepAt = Math.min(this.sweepAt, at);
      },
    };
    this.lobby = new Lobby("a", host, () => {
      this.dirty++;
    });
  }

  listen(ear = new Ear()): Ear {
    this.lobby.listen(ear);
    return ear;
  }
}

const [one, two] = [{}, {}];

describe("signals", () => {
  test("[SIG-1] reach those who listen now, and are not replayed to those who come later", () => {
    const room = new Room();
    room.lobby.signal("typing", "before", { instance: "i1" });
    const ear = room.listen(new Ear("signals"));
    room.lobby.signal("typing", true, { instance: "i1", from: "ada" });
    assert.deepEqual(ear.messages, [], "at the end of the tick");
    room.lobby.flush();
    const late = room.listen(new Ear("signals"));
    room.lobby.flush();
    assert.deepEqual(ear.messages, [
      { type: "signal", channel: "a", key: "typing", data: true, instance: "i1", from: "ada" },
    ]);
    assert.deepEqual(late.messages, []);
  });

  test("[SIG-1] reach only those who asked for them", () => {
    const room = new Room();
    const ear = room.listen(new Ear("presence"));
    room.lobby.signal("x", 1, {});
    room.lobby.flush();
    assert.deepEqual(ear.signals, []);
  });

  test("[SIG-2] who lags gets the latest per sender and key; others get each", () => {
    const room = new Room();
    const quick = room.listen(new Ear("signals"));
    const slow = room.listen(new Ear("signals"));
    slow.full = true;
    for (const [key, data, instance] of [
      ["x", 1, "i1"],
      ["x", 2, "i2"],
      ["y", 3, "i1"],
      ["x", 4, "i1"],
    ] as const) {
      room.lobby.signal(key, data, { instance });
      room.lobby.flush();
    }
    assert.deepEqual(quick.signals, [1, 2, 3, 4]);
    slow.full = false;
    room.lobby.catchUp(slow);
    assert.deepEqual(slow.signals, [2, 3, 4]);
    room.lobby.catchUp(slow);
    assert.equal(slow.signals.length, 3);
  });

  test("[SIG-2] senders are told apart by user and instance together, whatever is in their names", () => {
    const room = new Room();
    const ear = room.listen(new Ear("signals"));
    room.lobby.signal("c", 1, { from: "a b" });
    room.lobby.signal("b c", 2, { from: "a" });
    room.lobby.signal("c", 3, { from: "a", instance: "b" });
    room.lobby.signal("c", 4, { from: "mallory", instance: "b" });
    room.lobby.flush();
    assert.deepEqual(ear.signals, [1, 2, 3, 4]);
  });

  test("[BND-1] who is full gets none, and is told where it stopped when it has room", () => {
    const room = new Room();
    const ear = room.listen(new Ear("signals"));
    ear.room = 2;
    for (let key = 0; key < 5; key++) room.lobby.signal(`${key}`, key, {});
    room.lobby.flush();
    assert.deepEqual(ear.signals, [0, 1]);
    room.lobby.signal("1", "new", {});
    Object.assign(ear, { full: false, room: 99 });
    room.lobby.catchUp(ear);
    assert.deepEqual(ear.signals, [0, 1, 2, 3, 4, "new"]);
  });

  test("[BND] nothing is kept once all have heard it, and nothing where nobody listens", () => {
    const room = new Room();
    room.lobby.signal("x", 1, {});
    assert.deepEqual([room.lobby.changes, room.dirty], [0, 0]);
    const ear = room.listen(new Ear("signals"));
    for (let key = 0; key < 50; key++) room.lobby.signal(`${key}`, key, {});
    assert.equal(room.lobby.changes, 50);
    room.lobby.flush();
    assert.deepEqual([ear.signals.length, room.lobby.changes], [50, 0]);
  });

  test("[BND] for those who lag the newest keys are kept", () => {
    const room = new Room({ signalKeysMax: 3 });
    const ear = room.listen(new Ear("signals"));
    ear.full = true;
    for (let key = 0; key < 50; key++) room.lobby.signal(`${key}`, key, {});
    room.lobby.flush();
    assert.equal(room.lobby.changes, 3);
    ear.full = false;
    room.lobby.catchUp(ear);
    assert.deepEqual(ear.signals, [47, 48, 49]);
  });

  test("[BND] [SIG-2] for those who lag the newest are kept that fit, keys and users counted", () => {
    const room = new Room({ signalsBytesMax: 1000 });
    const [quick, slow] = [room.listen(new Ear("signals")), room.listen(new Ear("signals"))];
    slow.full = true;
    const say = (key: string, data: string, from = "ada") => {
      room.lobby.signal(key, data, { from });
      room.lobby.flush();
    };
    for (let n = 0; n < 20; n++) say(`${n}`, `${n} ${"é".repeat(90)}`);
    assert.equal(room.lobby.changes, 4);
    say("", "by a long name", "a".repeat(700));
    assert.equal(room.lobby.changes, 2);
    say("larger than the bound", "x".repeat(1000));
    assert.equal(room.lobby.changes, 1);
    slow.full = false;
    room.lobby.catchUp(slow);
    assert.deepEqual(slow.signals, ["x".repeat(1000)]);
    assert.equal(quick.signals.length, 22);
  });

  test("[BND] one encoding is shared by all who listen, wherever they stand", () => {
    const room = new Room();
    const ears = [room.listen(), room.listen(), room.listen()];
    (ears[2] as Ear).full = true;
    room.lobby.signal("x", 1, {});
    room.lobby.flush();
    Object.assign(ears[2] as Ear, { full: false });
    room.lobby.catchUp(ears[2] as Ear);
    const heard = ears.map((ear) => ear.notices.at(-1));
    assert.equal(new Set(heard).size, 1);
  });

  test("[SIG-1] what is signalled while others are told is told as well, once", () => {
    const room = new Room();
    const [ear, other] = [room.listen(new Ear("signals")), room.listen(new Ear("signals"))];
    let more = true;
    ear.onNotice = () => {
      if (more) room.lobby.signal("y", 2, {});
      more = false;
    };
    room.lobby.signal("x", 1, {});
    room.lobby.flush();
    room.lobby.flush();
    assert.deepEqual(
      [ear.signals, other.signals],
      [
        [1, 2],
        [1, 2],
      ],
    );
  });
});

describe("presence", () => {
  test("[PRS-2] the first message is everybody; later ones say what changed since the one before", () => {
    const room = new Room();
    room.lobby.enter(one, "i1", { name: "Ada" }, "ada");
    const ear = room.listen(new Ear("presence"));
    assert.deepEqual(ear.messages, [
      {
        type: "presence",
        channel: "a",
        full: true,
        members: [{ instance: "i1", data: { name: "Ada" }, since: 1000, user: "ada" }],
        left: [],
      },
    ]);
    room.now = 2000;
    room.lobby.enter(two, "i2", 2);
    room.lobby.enter(one, "i1", { name: "Ada L" }, "ada");
    room.lobby.flush();
    room.lobby.leave(two, "i2");
    room.lobby.flush();
    assert.deepEqual(
      ear.messages
        .slice(1)
        .map((message) => message.type === "presence" && [message.full, message.members, message.left]),
      [
        [
          false,
          [
            { instance: "i2", data: 2, since: 2000 },
            { instance: "i1", data: { name: "Ada L" }, since: 1000, user: "ada" },
          ],
          [],
        ],
        [false, [], ["i2"]],
      ],
    );
    assert.deepEqual(ear.members, ['i1={"name":"Ada L"}']);
  });

  test("[PRS-2] an empty room is told as such", () => {
    const ear = new Room().listen(new Ear("presence"));
    assert.deepEqual(ear.messages, [{ type: "presence", channel: "a", full: true, members: [], left: [] }]);
  });

  test("[PRS-2] who lags is told what it missed in one message, or everybody anew when that was too much", () => {
    const room = new Room({ presenceMembersMax: 5 });
    const ear = room.listen(new Ear("presence"));
    ear.full = true;
    for (const instance of ["i1", "i2", "i3"]) room.lobby.enter({}, instance, 1);
    room.lobby.flush();
    ear.full = false;
    room.lobby.catchUp(ear);
    assert.deepEqual([ear.messages.length, ear.members.length], [2, 3]);
    ear.full = true;
    for (let round = 0; round < 10; round++) {
      room.lobby.enter(two, `r${round}`, round);
      room.lobby.leave(two, `r${round}`);
    }
    room.lobby.flush();
    ear.full = false;
    room.lobby.catchUp(ear);
    const last = ear.messages.at(-1);
    assert.equal(last?.type === "presence" && last.full, true);
    assert.equal(ear.members.length, 3);
  });

  test("[PRS-1] a member is an instance, however many connections it has; it stays for its grace, and then is gone", () => {
    const room = new Room({ presenceGraceMs: 100 });
    const ear = room.listen(new Ear("presence"));
    room.lobby.enter(one, "i1", 1);
    room.lobby.enter(two, "i1", 1);
    room.lobby.disconnect(one, "i1");
    assert.equal(room.sweepAt, Number.POSITIVE_INFINITY);
    room.lobby.disconnect(two, "i1");
    assert.equal(room.sweepAt, 1100);
    assert.equal(room.lobby.sweep(1099), 1100);
    room.lobby.flush();
    assert.deepEqual(ear.members, ["i1=1"]);
    assert.equal(room.lobby.sweep(1100), Number.POSITIVE_INFINITY);
    room.lobby.flush();
    assert.deepEqual([ear.members, room.lobby.members, room.lobby.isEmpty], [[], [], false]);
  });

  test("[PRS-1] a member that comes back within its grace was never away", () => {
    const room = new Room();
    const ear = room.listen(new Ear("presence"));
    room.lobby.enter(one, "i1", 1);
    room.lobby.flush();
    room.now = 5000;
    room.lobby.disconnect(one, "i1");
    room.lobby.enter(two, "i1", 1);
    assert.equal(room.lobby.sweep(1_000_000), Number.POSITIVE_INFINITY);
    room.lobby.flush();
    assert.equal(ear.messages.length, 2);
    assert.equal(room.lobby.members[0]?.since, 1000);
  });

  test("[PRS-1] a connection that is gone takes nobody with it but what it came with", () => {
    const room = new Room({ presenceGraceMs: 0 });
    room.lobby.enter(one, "i1", 1);
    room.lobby.enter(two, "i1", 1);
    room.lobby.leave(one, "i1");
    assert.deepEqual(room.lobby.members, []);
    room.lobby.enter(one, "i1", 2);
    // It had been in before the member left.
    room.lobby.disconnect(two, "i1");
    room.lobby.leave(two, "i1");
    room.lobby.sweep(1_000_000);
    assert.equal(room.lobby.members.length, 1);
  });

  test("[PRS-1] [AUTH-1] nobody takes the place of another user's instance while that is here", () => {
    const room = new Room();
    room.lobby.enter(one, "i1", "mine", "ada");
    assert.throws(() => room.lobby.enter(two, "i1", "stolen", "mallory"), { code: "forbidden" });
    assert.throws(() => room.lobby.enter(two, "i1", "stolen"), { code: "forbidden" });
    room.lobby.leave(two, "i1");
    assert.equal(room.lobby.members[0]?.data, "mine");
    // The same connection may go on as somebody else, and so may whoever comes after it.
    room.lobby.enter(one, "i1", "renamed", "ada.l");
    room.lobby.disconnect(one, "i1");
    room.lobby.enter(two, "i1", "another", "grace");
    assert.deepEqual(
      room.lobby.members.map(({ user, data }) => [user, data]),
      [["grace", "another"]],
    );
  });

  test("[BND-2] a room that is full lets nobody in but those who are in", () => {
    const room = new Room({ presenceMembersMax: 2 });
    room.lobby.enter(one, "i1", 1);
    room.lobby.enter(two, "i2", 1);
    assert.throws(() => room.lobby.enter({}, "i3", 1), { code: "overloaded", message: /at most 2 members/ });
    room.lobby.enter(one, "i1", 2);
    assert.equal(room.lobby.members.length, 2);
  });

  test("[BND-2] [PRS-3] a room in which the members' bytes are too many takes no more, and knows who is in as before", () => {
    const room = new Room({ presenceBytesMax: 1000 });
    const ear = room.listen(new Ear("presence"));
    const full = { code: "overloaded", limit: "presenceBytesMax", message: /at most 1000 bytes/ };
    room.lobby.enter(one, "i1", "é".repeat(200), "ada");
    room.lobby.enter(two, "i2", "x".repeat(450), "bob");
    assert.throws(() => room.lobby.enter({}, "i3", "x".repeat(200)), full);
    assert.throws(() => room.lobby.enter({}, "i3", "", "u".repeat(200)), full, "users count");
    assert.throws(() => room.lobby.enter(one, "i1", "é".repeat(300), "ada"), full);
    room.lobby.flush();
    assert.deepEqual(ear.members, [`i1="${"é".repeat(200)}"`, `i2="${"x".repeat(450)}"`]);
    room.lobby.enter(one, "i1", "short", "ada");
    room.lobby.enter(two, "i2", "x".repeat(600), "bob");
    room.lobby.enter({}, "i3", "x".repeat(200));
    assert.throws(() => room.lobby.enter(one, "i1", "é".repeat(200), "ada"), full);
    room.lobby.leave(two, "i2");
    room.lobby.enter(one, "i1", "é".repeat(200), "ada");
    room.lobby.flush();
    assert.deepEqual(ear.members, [`i1="${"é".repeat(200)}"`, `i3="${"x".repeat(200)}"`]);
  });

  test("[BND] [PRS-3] who waits for its grace takes its room until it is gone, and may come back as it was", () => {
    const room = new Room({ presenceBytesMax: 1000, presenceGraceMs: 100 });
    room.lobby.enter(one, "i1", "x".repeat(900));
    room.lobby.disconnect(one, "i1");
    assert.throws(() => room.lobby.enter(two, "i2", "x".repeat(900)), { code: "overloaded" });
    room.lobby.enter({}, "i1", "y".repeat(900));
    assert.throws(() => room.lobby.enter(two, "i2", "x".repeat(900)), { code: "overloaded" });
    room.lobby.enter(one, "i1", "z".repeat(900));
    room.lobby.leave(one, "i1");
    room.lobby.enter(two, "i2", "x".repeat(900));
    assert.equal(room.lobby.members.length, 1);
  });

  test("[BND] [PRS-2] what changed meanwhile is kept by its bytes as well, and else everybody is told anew", () => {
    const room = new Room({ presenceBytesMax: 1000 });
    const ear = room.listen(new Ear("presence"));
    ear.full = true;
    for (let round = 0; round < 100; round++) {
      room.lobby.enter(two, `r${round}-${"x".repeat(50)}`, round);
      room.lobby.leave(two, `r${round}-${"x".repeat(50)}`);
    }
    room.lobby.enter(one, "i1", 1);
    assert.ok(room.lobby.changes < 20, `${room.lobby.changes}`);
    ear.full = false;
    room.lobby.catchUp(ear);
    const last = ear.messages.at(-1);
    assert.deepEqual([last?.type === "presence" && last.full, ear.members], [true, ["i1=1"]]);
  });

  test("[BND-2] data that is too large or too deep is refused, and changes nothing", () => {
    const room = new Room({ signalBytesMax: 100 });
    room.lobby.enter(one, "i1", "é".repeat(49));
    assert.throws(() => room.lobby.enter(one, "i1", "é".repeat(50)), {
      code: "too_large",
      message: /at most 100 bytes; this has 102/,
    });
    const deep: unknown = JSON.parse(`${"[".repeat(200_000)}${"]".repeat(200_000)}`);
    assert.throws(() => room.lobby.enter(one, "i1", deep), { code: "too_large" });
    assert.equal(room.lobby.members[0]?.data, "é".repeat(49));
  });

  test("[BND] a flush in which nothing was said asks nobody", () => {
    const room = new Room();
    const ear = room.listen();
    let asked = 0;
    Object.defineProperty(ear, "wantsPresence", {
      get: () => {
        asked++;
        return true;
      },
    });
    room.lobby.flush();
    room.lobby.flush();
    assert.equal(asked, 0);
  });

  test("[PRS-2] who has left the room hears nothing more", () => {
    const room = new Room();
    const ear = room.listen();
    room.lobby.dismiss(ear);
    room.lobby.enter(one, "i1", 1);
    room.lobby.signal("x", 1, {});
    room.lobby.flush();
    assert.equal(ear.messages.length, 1);
    room.lobby.leave(one, "i1");
    assert.equal(room.lobby.isEmpty, true);
  });
});
