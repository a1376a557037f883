"use strict";
(() => {
  // No code out of texts, and no chance.
  delete globalThis.eval;
  delete globalThis.Function;
  delete Math.random;
  for (const made of [function () {}, async function () {}, function* () {}, async function* () {}])
    Object.defineProperty(Object.getPrototypeOf(made), "constructor", { value: undefined });
  // A number that is none would become `null` in JSON, and a missing result nothing at all.
  const stringify = JSON.stringify;
  globalThis.__json = (value) => stringify(value, (key, one) => {
    if (typeof one === "number" && !Number.isFinite(one)) throw new TypeError(`"${key}" is not a number`);
    return one;
  });
})();
