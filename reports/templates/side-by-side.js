"use strict";
(() => {
  document.documentElement.classList.add("js");
  const boxes = [...document.querySelectorAll("#choice input")];
  const columns = document.getElementById("columns");
  const step = document.getElementById("step");
  const frames = () => [...columns.querySelectorAll("iframe")];
  let position = null; // scroll position of the tearsheet that was scrolled last

  const element = (tag, properties, ...children) => {
    const created = Object.assign(document.createElement(tag), properties);
    created.append(...children);
    return created;
  };

  // ---- The selection is the part of the address after #.
  const decoded = (text) => {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  };
  const selected = () => [...new Set(location.hash.slice(1).split(",").filter(Boolean).map(decoded))];
  const select = (names) => location.replace("#" + names.map(encodeURIComponent).join(","));
  const without = (name) => selected().filter((other) => other !== name);

  function column({ value: name, dataset: { page, evidence } }) {
    const frame = element("iframe", { src: page, title: "Tearsheet of " + name });
    const remove = element("button", { type: "button", title: "Remove", onclick: () => select(without(name)) }, "\u00d7");
    remove.setAttribute("aria-label", "Remove " + name);
    const heading = element("div", {}, element("h2", {}, element("a", { href: page }, name)));
    if (evidence) heading.append(element("a", { href: evidence }, "Did it beat chance?"));
    heading.append(remove);
    frame.addEventListener("load", () => position && step.checked && sendPosition(frame));
    const section = element("section", { className: "column" }, heading, frame);
    section.setAttribute("aria-label", name);
    section.dataset.name = name;
    return section;
  }

  function hint(count, unknown) {
    const sentences = unknown.length ? ["Not in this run: " + unknown.join(", ") + "."] : [];
    if (count < 2 && boxes.length < 2) sentences.push("This run has one reading only; there is nothing to compare it with.");
    else if (count < 2) sentences.push(count ? "Choose another reading to compare it with." : "Choose two or more readings.");
    return sentences.join(" ");
  }

  function show() {
    const names = selected();
    const chosen = names.map((name) => boxes.find((box) => box.value === name)).filter(Boolean);
    const unknown = names.filter((name) => !chosen.some((box) => box.value === name));
    boxes.forEach((box) => (box.checked = chosen.includes(box)));
    document.getElementById("selection-count").textContent = `Choose readings (${chosen.length} of ${boxes.length})`;
    document.getElementById("hint").textContent = hint(chosen.length, unknown);
    // A frame that is moved loads again, so columns that stay are not touched.
    const existing = new Map([...columns.children].map((each) => [each.dataset.name, each]));
    for (const [name, each] of existing) if (!names.includes(name)) each.remove();
    let next = columns.firstElementChild;
    for (const box of chosen) {
      if (next?.dataset.name === box.value) next = next.nextElementSibling;
      else columns.insertBefore(existing.get(box.value) ?? column(box), next);
    }
  }

  boxes.forEach((box) => {
    box.addEventListener("change", () => select(box.checked ? [...selected(), box.value] : without(box.value)));
  });
  addEventListener("hashchange", show);

  // ---- Scroll together: a tearsheet sends its position, which goes to all others. Local files have no origin to check.
  const sendPosition = (frame) => frame.contentWindow.postMessage({ kind: "position", ...position }, "*");
  const receivers = {
    position(sender, { section, fraction }) {
      if (typeof section !== "string" || !(fraction >= 0 && fraction <= 1)) return;
      position = { section, fraction };
      if (step.checked) frames().forEach((frame) => frame !== sender && sendPosition(frame));
    },
    height(sender, { height }) {
      if (height > 0 && height < 1e6) sender.style.setProperty("--height", height + "px");
    },
  };
  addEventListener("message", ({ source, data }) => {
    const sender = frames().find((frame) => frame.contentWindow === source);
    if (sender && Object.hasOwn(receivers, data?.kind)) receivers[data.kind](sender, data);
  });
  step.addEventListener("change", () => position && step.checked && frames().forEach(sendPosition));

  // ---- Print whole tearsheets as on the screen, shrunk to fit.
  const PAPER = 1030; // pixels between the margins of page.css on A4
  addEventListener("beforeprint", () => columns.style.setProperty("--shrink", Math.min(1, PAPER / columns.scrollWidth)));

  if (innerWidth < 760) document.getElementById("choice").open = false;
  if (location.hash) show();
  else select(boxes.slice(0, 2).map((box) => box.value));
})();
