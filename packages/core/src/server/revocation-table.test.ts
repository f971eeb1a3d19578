import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Principal } from "./principal.ts";
import { type KnownRevocation, type RevocationKind, RevocationTable } from "./revocation-table.ts";

let offset = 0;

function revoked(kind: RevocationKind, value: string, at = 1000, until = 5000): KnownRevocation {
  return { kind, value, at, until, cursor: { epoch: "k", offset: ++offset } };
}

function tableOf(...revocations: KnownRevocation[]): RevocationTable {
  const table = new RevocationTable();
  for (const one of revocations) table.add(one);
  return table;
}

describe("revocations", () => {
  const cases: readonly [said: KnownRevocation, principal: Principal, refuses: boolean][] = [
    [revoked("user", "ada"), { user: "ada", issuedAt: 999 }, true],
    [revoked("user", "ada"), { user: "ada", issuedAt: 1000 }, true],
    [revoked("user", "ada"), { user: "ada", issuedAt: 1001 }, false],
    [revoked("user", "ada"), { user: "ada" }, true],
    [revoked("user", "ada"), { user: "bob" }, false],
    [revoked("user", "ada"), { tokenId: "ada", session: "ada" }, false],
    [revoked("user", "ada"), {}, false],
    [revoked("token", "t1"), { tokenId: "t1", issuedAt: 2000 }, true],
    [revoked("token", "t1"), { tokenId: "t2", user: "t1" }, false],
    [revoked("session", "s1"), { session: "s1", issuedAt: 1000 }, true],
    [revoked("session", "s1"), { session: "s1" }, true],
    [revoked("session", "s1"), { session: "s1", issuedAt: 1001 }, false],
    [revoked("session", "s1"), { user: "s1", tokenId: "s1" }, false],
  ];
  for (const [said, principal, refuses] of cases) {
    test(`[REV-2] of ${said.kind} ${said.value} at 1000: ${JSON.stringify(principal)} is ${refuses ? "refused" : "let in"}`, () => {
      assert.equal(tableOf(said).refusing(principal, 2000) !== undefined, refuses);
    });
  }

  test("[REV-9] a session is also an open connection, by its id", () => {
    const table = tableOf(revoked("session", "node-7"));
    assert.equal(table.refusing({ issuedAt: 9999 }, 2000, "node-7")?.value, "node-7");
    assert.equal(table.refusing({}, 2000, "node-8"), undefined);
  });

  test("[REV-3] holds until its time is over, and is then forgotten", () => {
    const table = tableOf(revoked("user", "ada", 1000, 5000), revoked("token", "t1", 1000, 6000));
    assert.notEqual(table.refusing({ user: "ada" }, 4999), undefined);
    assert.equal(table.refusing({ user: "ada" }, 5000), undefined);
    table.expire(4999);
    assert.equal(table.size, 2);
    table.expire(5000);
    assert.deepEqual([table.size, table.get("token", "t1")?.until], [1, 6000]);
  });

  test("[REV-3] saying it again takes nothing back", () => {
    const kinds = fc.constantFrom<RevocationKind>("user", "token", "session");
    const said = fc.record({
      kind: kinds,
      value: fc.constantFrom("a", "b"),
      at: fc.nat(100),
      until: fc.nat(100),
    });
    const principals = fc.record(
      { user: fc.constantFrom("a", "b"), tokenId: fc.constantFrom("a", "b"), issuedAt: fc.nat(100) },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.array(said), said, principals, fc.nat(100), (all, more, principal, now) => {
        const table = tableOf(...all.map((one) => revoked(one.kind, one.value, one.at, one.until)));
        const before = table.refusing(principal, now) !== undefined;
        table.add(revoked(more.kind, more.value, more.at, more.until));
        const after = table.refusing(principal, now) !== undefined;
        assert.ok(!before || after);
      }),
    );
  });

  test("[REV-8] are listed in the order of the log, a page at a time, the newest word on each", () => {
    const all = [
      revoked("user", "a"),
      revoked("token", "b"),
      revoked("session", "c"),
      revoked("user", "a", 2000),
    ];
    const table = tableOf(...all);
    const values = (page: readonly KnownRevocation[]) => page.map(({ kind, value }) => `${kind} ${value}`);
    const first = table.after(undefined, 2);
    assert.deepEqual(values(first), ["token b", "session c"]);
    const second = table.after(first.at(-1)?.cursor, 2);
    assert.deepEqual(values(second), ["user a"]);
    assert.deepEqual([second[0]?.at, table.after(second[0]?.cursor, 2)], [2000, []]);
    // A page of a log that was lost is no place in this one.
    assert.equal(table.after({ epoch: "old", offset: 999 }, 10).length, 3);
    // What only the log before has said comes first, and once.
    table.add({ ...revoked("user", "d"), cursor: { epoch: "new", offset: 1 } });
    const pages: string[] = [];
    for (let page = table.after(undefined, 2); page.length > 0; page = table.after(page.at(-1)?.cursor, 2)) {
      pages.push(values(page).join(", "));
    }
    assert.deepEqual(pages, ["token b, session c", "user a, user d"]);
  });

  test("[REV-1] what a log that was recreated does not say is known", () => {
    const table = tableOf(revoked("user", "a"), revoked("token", "b"));
    table.add({ ...revoked("user", "a", 500), cursor: { epoch: "new", offset: 1 } });
    assert.deepEqual(
      table.notIn("new").map(({ kind, value }) => [kind, value]),
      [["token", "b"]],
    );
    assert.equal(table.get("user", "a")?.at, 1000);
  });
});
