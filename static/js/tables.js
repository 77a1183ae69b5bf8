// A table that fits needs no scrolling: its box stops being a stop of the Tab key and a landmark.

const BOX = "[role=region][tabindex='0']";

export function tables() {
  const boxes = [...document.querySelectorAll(BOX)];
  if (boxes.length === 0 || !("ResizeObserver" in globalThis)) return;
  const names = new Map(boxes.map((box) => [box, box.getAttribute("aria-labelledby")]));
  const observer = new ResizeObserver((changes) => {
    for (const { target } of changes) {
      const scrolls = target.scrollWidth > target.clientWidth + 1 || target.scrollHeight > target.clientHeight + 1;
      set(target, "role", scrolls && "region");
      set(target, "tabindex", scrolls && "0");
      set(target, "aria-labelledby", scrolls && names.get(target));
    }
  });
  for (const box of boxes) observer.observe(box);
}

function set(element, name, value) {
  if (value) element.setAttribute(name, value);
  else element.removeAttribute(name);
}
