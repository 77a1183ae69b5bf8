// A fragment inside a closed list opens it, where the browser does not by itself; paper shows it open.

export function unfold() {
  const reveal = () => {
    const id = decodeURIComponent(location.hash.slice(1));
    const target = id && document.getElementById(id);
    if (!target) return;
    let opened = false;
    for (let fold = target.closest("details"); fold; fold = fold.parentElement?.closest("details")) {
      opened ||= !fold.open;
      fold.open = true;
    }
    if (opened) target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();

  const list = document.getElementById("refs");
  let wasClosed = false;
  addEventListener("beforeprint", () => {
    wasClosed = list ? !list.open : false;
    if (wasClosed) list.open = true;
  });
  addEventListener("afterprint", () => {
    if (wasClosed) list.open = false;
  });
}
