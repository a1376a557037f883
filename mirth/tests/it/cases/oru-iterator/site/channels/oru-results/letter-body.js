// By hand: the template of the destination has directives.
export default function () {
  throw new Error("the template is left to be written by hand");
}
