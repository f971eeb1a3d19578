import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Place, Recency } from "./recency.ts";

test("a recency keeps its items in the order in which they were last touched", () => {
  const step = fc.record({
    item: fc.nat(5),
    act: fc.constantFrom("first", "second", "leave"),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
      const lists = { first: new Recency<number>(), second: new Recency<number>() };
      const places = Array.from({ length: 6 }, (_, n) => new Place(n));
      const model: Record<"first" | "second", number[]> = { first: [], second: [] };
      for (const { item, act } of steps) {
        model.first = model.first.filter((n) => n !== item);
        model.second = model.second.filter((n) => n !== item);
        if (act === "leave") {
          places[item]!.leave();
        } else {
          lists[act].touch(places[item]!);
          model[act].push(item);
        }
        for (const name of ["first", "second"] as const) {
          assert.deepEqual([...lists[name]], model[name]);
          assert.equal(lists[name].oldest, model[name][0]);
        }
      }
    }),
  );
});

test("removing what is in another list, or in none, changes nothing", () => {
  const [one, other] = [new Recency<string>(), new Recency<string>()];
  const place = new Place("a");
  one.touch(place);
  other.remove(place);
  assert.equal(one.oldest, "a");
  place.leave();
  place.leave();
  assert.equal(one.oldest, undefined);
});
