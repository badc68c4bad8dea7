import { describe, expect, test } from "vitest";
import { shownProps } from "./shown-props.ts";

const TURNED = "a\u202eb";
const SHOWN = "a‹U+202E›b";

describe("an element of the document", () => {
  test("hides nothing in its texts", () => {
    const children = [TURNED, 7, [TURNED], { props: {} }, null];
    expect(shownProps("p", { title: TURNED, "aria-label": TURNED, id: TURNED, children })).toEqual({
      ...{ title: SHOWN, "aria-label": SHOWN, id: TURNED },
      children: [SHOWN, 7, [SHOWN], { props: {} }, null],
    });
    expect(shownProps("span", { children: TURNED })).toEqual({ children: SHOWN });
    expect(shownProps(Symbol("fragment"), { children: TURNED })).toEqual({ children: SHOWN });
  });

  test("is the same one where there is nothing to show", () => {
    const props = { title: "a", children: ["b", "c"] };
    expect(shownProps("p", props)).toBe(props);
  });
});

test("what somebody types and what a component is given stay as they are", () => {
  for (const type of ["textarea", "input", () => null]) {
    const props = { value: TURNED, children: TURNED };
    expect(shownProps(type, props)).toBe(props);
  }
});
