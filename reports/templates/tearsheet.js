"use strict";
// In a frame of side-by-side.html: tell that page where this sheet stands, and go where it says. Opened alone: nothing.
(() => {
  if (parent === window) return;
  const root = document.documentElement;
  root.classList.add("framed");
  for (const link of document.links) link.target = "_top";

  // Sections by where they begin, in pixels from the top of the sheet, the next one being where they end.
  function sections() {
    const found = [...document.querySelectorAll("[data-section]")]
      .map((each) => ({ section: each.dataset.section, start: each.getBoundingClientRect().top + scrollY }))
      .sort((one, other) => one.start - other.start);
    return found.map((each, place) => ({ ...each, end: found[place + 1]?.start ?? root.scrollHeight }));
  }

  let put = null; // where the page has put this sheet: not to be told back to it

  function tell() {
    if (put !== null && Math.abs(scrollY - put) < 2) return;
    put = null;
    const at = sections().findLast(({ start }) => start <= scrollY + 1);
    const fraction = Math.min(1, Math.max(0, (scrollY - at.start) / (at.end - at.start)));
    // Files have no origin that could be named; there is no secret in a place.
    parent.postMessage({ kind: "place", section: at.section, fraction }, "*");
  }

  function follow({ source, data }) {
    if (source !== parent || data?.kind !== "place" || !(data.fraction >= 0 && data.fraction <= 1)) return;
    const at = sections().find(({ section }) => section === data.section);
    if (!at) return; // a section that this reading has not: wait for the next one
    scrollTo({ top: at.start + data.fraction * (at.end - at.start), behavior: "instant" });
    put = scrollY;
  }

  // Paper has no scroll bars: the page must know how long a sheet is.
  new ResizeObserver(() => parent.postMessage({ kind: "height", height: root.scrollHeight }, "*")).observe(document.body);
  let before = 0;
  addEventListener("beforeprint", () => ((before = scrollY), scrollTo({ top: (put = 0), behavior: "instant" })));
  addEventListener("afterprint", () => scrollTo({ top: (put = before), behavior: "instant" }));

  addEventListener("scroll", tell, { passive: true });
  addEventListener("message", follow);
})();
