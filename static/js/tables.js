// Boxes that scroll sideways, [role=region][tabindex="0"] around a table and figure > div around a chart: one
// whose content fits is no stop of the Tab key and no landmark; one whose content doesn't is both.

export function tables() {
  if (!("ResizeObserver" in globalThis)) return;
  const names = new Map();
  for (const box of document.querySelectorAll("[role=region][tabindex='0'][aria-labelledby]")) {
    names.set(box, box.getAttribute("aria-labelledby"));
  }
  for (const box of document.querySelectorAll("figure[id] > div")) {
    const caption = box.parentElement.querySelector("figcaption");
    if (!caption) continue;
    caption.id ||= `${box.parentElement.id}-caption`;
    names.set(box, caption.id);
  }
  const observer = new ResizeObserver((changes) => {
    for (const { target } of changes) {
      const scrolls = target.scrollWidth > target.clientWidth + 1 || target.scrollHeight > target.clientHeight + 1;
      set(target, "role", scrolls && "region");
      set(target, "tabindex", scrolls && "0");
      set(target, "aria-labelledby", scrolls && names.get(target));
    }
  });
  for (const box of names.keys()) observer.observe(box);
}

function set(element, name, value) {
  if (value) element.setAttribute(name, value);
  else element.removeAttribute(name);
}
