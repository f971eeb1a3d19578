import assert from "node:assert/strict";
import { test } from "node:test";
import { Followers } from "./followers.ts";
import type { LogBatch, LogObserver } from "./port.ts";

const batch = (to: number): LogBatch => ({ epoch: "e", from: to - 1, to, events: [] });

const fail = (error: unknown) => {
  throw error;
};

/** An observer that notes what it hears, then does `then`. */
function noting(heard: (number | "end")[], then: (to: number) => void = () => {}): LogObserver {
  return {
    appended({ to }) {
      heard.push(to);
      then(to);
    },
    closed() {
      heard.push("end");
    },
    disturbed: () => assert.fail("nothing disturbs a log in memory"),
  };
}

test("[ORD-1] all observers hear the same object, at once", () => {
  const followers = new Followers(fail);
  const heard: LogBatch[] = [];
  for (let n = 0; n < 3; n++) followers.add({ ...noting([]), appended: (one) => heard.push(one) });
  const told = batch(1);
  followers.appended(told);
  assert.equal(heard.length, 3);
  assert.ok(heard.every((one) => one === told));
});

test("[ORD-1] what happens while observers hear waits until all have heard", () => {
  const followers = new Followers(fail);
  const [first, last]: (number | "end")[][] = [[], []];
  followers.add(
    noting(first!, (to) => {
      if (to < 3) followers.appended(batch(to + 1));
      if (to === 3) followers.closed();
    }),
  );
  followers.add(noting(last!));
  followers.appended(batch(1));
  assert.deepEqual(first, [1, 2, 3, "end"]);
  assert.deepEqual(last, [1, 2, 3, "end"]);
});

test("[ORD-1] who comes while a batch is told does not hear it, but hears what comes after", () => {
  const followers = new Followers(fail);
  const heard: (number | "end")[] = [];
  const joining = noting([], (to) => {
    if (to !== 1) return;
    // Appended before it comes, although told after: not for it.
    followers.appended(batch(2));
    followers.add(noting(heard));
    followers.appended(batch(3));
  });
  followers.add(joining);
  followers.appended(batch(1));
  followers.appended(batch(4));
  assert.deepEqual(heard, [3, 4]);
});

test("[BND] who leaves while a batch is told hears it no more", () => {
  const followers = new Followers(fail);
  const heard: (number | "end")[] = [];
  const leaving: (() => boolean)[] = [];
  followers.add(noting([], () => leaving.forEach((leave) => void leave())));
  leaving.push(followers.add(noting(heard)));
  followers.appended(batch(1));
  assert.deepEqual(heard, []);
  assert.equal(followers.size, 1);
  assert.equal(leaving[0]!(), false, "it had left already");
});

test("[ORD-1] what an observer throws is reported, and harms nobody", () => {
  const errors: unknown[] = [];
  const followers = new Followers((error) => {
    errors.push(error);
    throw new Error("The report fails as well.");
  });
  const heard: (number | "end")[] = [];
  const broken = new Error("This observer is broken.");
  followers.add({ appended: () => fail(broken), closed: () => fail(broken), disturbed() {} });
  followers.add(noting(heard));
  followers.appended(batch(1));
  followers.appended(batch(2));
  followers.closed();
  assert.deepEqual(heard, [1, 2, "end"]);
  assert.deepEqual(errors, [broken, broken, broken]);
});
