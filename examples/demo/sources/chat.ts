import type { Holdfast } from "@holdfast/server";

/** Says the first word, so that nobody enters an empty room. */
export async function greet(holdfast: Holdfast): Promise<void> {
  await holdfast.publish("chat:lobby", {
    name: "Holdfast",
    text: "Welcome. Everybody who has this page open reads along.",
  });
}
