// The names that scripts of a Mirth channel use, over `msg` and `ctx`. Nothing here outlives one message.
(body) => (msg, ctx) => {
  "use strict";
  const path = ({ segment, n, field, repetition, component, sub }) => {
    let text = `${segment}[${n}]`;
    if (field) text += `-${field}`;
    if (repetition) text += `[${repetition}]`;
    if (component) text += `.${component}`;
    if (sub) text += `.${sub}`;
    return text;
  };
  const read = (at) => {
    if (!at.field) throw new Error(`the text of a whole segment ${at.segment} is not there: name a field`);
    const text = msg.get(path(at));
    return text === null ? '""' : text;
  };
  const write = (at, value) => {
    if (!at.field) throw new Error(`a whole segment ${at.segment} cannot be written: name a field`);
    if (!msg.first(at.segment)) msg.add(at.segment);
    msg.set(path(at), value === null || value === undefined ? "" : String(value));
  };
  const count = (at) => {
    if (!at.field) return msg.all(at.segment).length;
    if (!at.component) return msg.repeats(path({ ...at, repetition: undefined })).length;
    return read(at) === "" ? 0 : 1;
  };
  const child = (at, key) => {
    if (/^\d+$/.test(key)) {
      const n = Number(key) + 1;
      if (!at.field) return { ...at, n };
      if (!at.component) return { ...at, repetition: n };
      if (n === 1) return at;
      throw new Error(`${path(at)} has no other value`);
    }
    const [segment, field, component, sub, more] = key.split(".");
    const numbers = [field, component, sub].filter((part) => part !== undefined);
    if (segment !== at.segment || more || !numbers.length || !numbers.every((part) => /^[1-9]\d*$/.test(part))) return undefined;
    return { ...at, field, component, sub };
  };
  const node = (at) => new Proxy({}, {
    get(_, key) {
      if (key === Symbol.toPrimitive || key === "toString" || key === "valueOf") return () => read(at);
      if (key === "length") return () => count(at);
      if (typeof key === "symbol") return undefined;
      const found = child(at, key);
      if (found) return node(found);
      if (typeof String.prototype[key] === "function") return (...rest) => read(at)[key](...rest);
      throw new Error(`${path(at)} has no \`${key}\``);
    },
    set(_, key, value) {
      const found = child(at, String(key));
      if (!found) throw new Error(`${path(at)} has no \`${String(key)}\``);
      write(found, value);
      return true;
    },
    deleteProperty(_, key) {
      const found = child(at, String(key));
      if (!found) return true;
      if (found.field) msg.set(path(found), "");
      else {
        const gone = msg.all(found.segment)[found.n - 1];
        if (gone) msg.remove(gone);
      }
      return true;
    },
  });
  const message = new Proxy({}, {
    get(_, key) {
      if (key === Symbol.toPrimitive || key === "toString") return () => msg.toString();
      if (typeof key === "symbol") return undefined;
      if (/^[A-Z][A-Z0-9]{2}$/.test(key)) return node({ segment: key, n: 1 });
      throw new Error(`the message has no \`${key}\``);
    },
    set(_, key) {
      throw new Error(`a whole segment ${String(key)} cannot be written: name a field`);
    },
    deleteProperty(_, key) {
      for (const gone of msg.all(String(key)).reverse()) msg.remove(gone);
      return true;
    },
  });
  // From script to script of one message, into its destinations too.
  const plain = (value) => (typeof value?.[Symbol.toPrimitive] === "function" ? String(value) : value);
  const map = {
    get: (key) => {
      const json = ctx.__kept(String(key));
      return json === undefined ? null : JSON.parse(json);
    },
    put: (key, value) => void ctx.__keep(String(key), JSON.stringify(plain(value) ?? null)),
    containsKey: (key) => ctx.__kept(String(key)) !== undefined,
    remove: (key) => void ctx.__keep(String(key)),
  };
  const lasting = new Proxy({}, {
    get(_, key) {
      if (typeof key === "symbol") return undefined;
      return () => { throw new Error("nothing is kept from one message to the next"); };
    },
  });
  const short = (key, value) => (value === undefined ? map.get(key) : map.put(key, value));
  const shortLasting = () => lasting.get();
  const say = (text) => ctx.note(String(text));
  const logger = { trace: say, debug: say, info: say, warn: say, error: say };
  const validate = (value, otherwise, replacements) => {
    let text = value === null || value === undefined ? "" : String(value);
    if (text === "" && otherwise !== undefined) text = String(otherwise);
    for (const [from, to] of replacements ?? []) text = text.replace(new RegExp(from, "g"), to);
    return text;
  };
  return body(message, message, map, map, map, lasting, lasting, map, short, short, short, short, short, shortLasting, shortLasting, logger, validate) ?? undefined;
}
