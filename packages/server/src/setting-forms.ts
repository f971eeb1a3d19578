import * as v from "valibot";

export const objectOfSettings = "must be an object of settings";

export function wholeFrom(min: number) {
  const message = `must be a whole number from ${min} up`;
  return v.pipe(v.number(message), v.integer(message), v.minValue(min, message));
}
