"use strict";
// In a frame of side-by-side.html: send the scroll position to that page and follow its messages. Opened alone: nothing.
(() => {
  if (parent === window) return;
  const root = document.documentElement;
  root.classList.add("framed");
  for (const link of document.links) link.target = "_top";

  // Sections with their start and end, in pixels from the top of the page; each ends where the next one starts.
  function sections() {
    const starts = [...document.querySelectorAll("[data-section]")]
      .map((element) => ({ section: element.dataset.section, start: element.getBoundingClientRect().top + scrollY }))
      .sort((one, other) => one.start - other.start);
    return starts.map((each, index) => ({ ...each, end: starts[index + 1]?.start ?? root.scrollHeight }));
  }

  let followed = null; // scroll position set by a message, which is not sent back

  function sendPosition() {
    if (followed !== null && Math.abs(scrollY - followed) < 2) return;
    followed = null;
    const current = sections().findLast(({ start }) => start <= scrollY + 1);
    const fraction = Math.min(1, Math.max(0, (scrollY - current.start) / (current.end - current.start)));
    // Local files have no origin to restrict the message to; a scroll position is no secret.
    parent.postMessage({ kind: "position", section: current.section, fraction }, "*");
  }

  function follow({ source, data }) {
    if (source !== parent || data?.kind !== "position" || !(data.fraction >= 0 && data.fraction <= 1)) return;
    const target = sections().find(({ section }) => section === data.section);
    if (!target) return; // this tearsheet lacks the section: wait for the next message
    scrollTo({ top: target.start + data.fraction * (target.end - target.start), behavior: "instant" });
    followed = scrollY;
  }

  // Paper has no scroll bars, so the page must know the height of a tearsheet.
  new ResizeObserver(() => parent.postMessage({ kind: "height", height: root.scrollHeight }, "*")).observe(document.body);
  let before = 0;
  addEventListener("beforeprint", () => ((before = scrollY), scrollTo({ top: (followed = 0), behavior: "instant" })));
  addEventListener("afterprint", () => scrollTo({ top: (followed = before), behavior: "instant" }));

  addEventListener("scroll", sendPosition, { passive: true });
  addEventListener("message", follow);
})();
