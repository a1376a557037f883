// What a script of a channel can do, for editors: put
//   /// <reference path="../../hilum.d.ts" />
// at its beginning and `// @ts-check` above that.
// Paths are those of the channel language: "PID-3.1", "OBX[2]-5", 'PID-3[.5 = "MR"].1'.

/** Reading and writing values by path. On a segment the path is one of that segment. */
interface HilumValues {
  /** The text; "" when it is absent or empty, null for the HL7 null. A value with components is given as it was sent. */
  get(path: string): string | null;
  /** Writes one value, escaped. */
  set(path: string, value: string | number): void;
  /** Writes a value with its structure: components, and repetitions where the path is `PID-3[*]`. */
  setRaw(path: string, value: string): void;
  /** Writes the HL7 null, which tells the receiver to delete its value. */
  setNull(path: string): void;
  /** Each repetition of a field. */
  repeats(path: string): string[];
  /** The number; null when there is none. Fails when it is not a number, such as `<0.5`. */
  number(path: string): number | null;
  /** ISO 8601, as precise as the value; null when there is none. `zone` is for values without an offset; the site's, if nothing is said. */
  time(path: string, options?: { zone?: string }): string | null;
}

/** A segment, wherever it stands after others came or went. */
interface HilumSegment extends HilumValues {
  readonly name: string;
  /** The segments of a name behind this one, up to the next of its own name. */
  all(name: string): HilumSegment[];
}

interface HilumMessage extends HilumValues {
  /** The first segment of a name; null when there is none. */
  first(name: string): HilumSegment | null;
  all(name: string): HilumSegment[];
  /** Adds a segment behind one; else behind the last of its name, or at the end. */
  add(name: string, after?: HilumSegment): HilumSegment;
  remove(segment: HilumSegment): void;
  toString(): string;
}

interface HilumContext {
  /** Which part of a split this is, from 1. */
  readonly part: number;
  /** A code table of the site; its name must stand in quotes. `get` gives null for a value that is not in it. */
  table(name: string): { get(value: string): string | null };
  /** Says something in the trace of the message, which only people see who may read bodies. */
  note(text: string): void;
}

/** A step returns nothing, or false to filter the message; the script of a destination returns the body. */
type HilumScript = (msg: HilumMessage, ctx: HilumContext) => void | boolean | string | object;
