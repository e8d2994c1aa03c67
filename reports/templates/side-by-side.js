"use strict";
(() => {
  document.documentElement.classList.add("js");
  const boxes = [...document.querySelectorAll("#choice input")];
  const columns = document.getElementById("columns");
  const step = document.getElementById("step");
  const frames = () => [...columns.querySelectorAll("iframe")];
  let place = null; // where the sheet stands that was scrolled last

  const element = (tag, properties, ...inside) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...inside);
    return made;
  };

  // ---- The choice: what stands behind the # of the address, and nothing else, says which sheets are shown.
  const decoded = (text) => {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  };
  const asked = () => [...new Set(location.hash.slice(1).split(",").filter(Boolean).map(decoded))];
  const choose = (names) => location.replace("#" + names.map(encodeURIComponent).join(","));
  const without = (name) => asked().filter((other) => other !== name);

  function column({ value: name, dataset: { page, evidence } }) {
    const frame = element("iframe", { src: page, title: "Tearsheet of " + name });
    const remove = element("button", { type: "button", title: "Remove", onclick: () => choose(without(name)) }, "\u00d7");
    remove.setAttribute("aria-label", "Remove " + name);
    const head = element("div", {}, element("h2", {}, element("a", { href: page }, name)));
    if (evidence) head.append(element("a", { href: evidence }, "Did it beat chance?"));
    head.append(remove);
    frame.addEventListener("load", () => place && step.checked && tell(frame));
    const made = element("section", { className: "column" }, head, frame);
    made.setAttribute("aria-label", name);
    made.dataset.name = name;
    return made;
  }

  function hint(shown, unknown) {
    const said = unknown.length ? ["Not in this run: " + unknown.join(", ") + "."] : [];
    if (shown < 2 && boxes.length < 2) said.push("This run has one reading; there is none to put beside it.");
    else if (shown < 2) said.push(shown ? "Choose another one to put beside it." : "Choose two readings or more.");
    return said.join(" ");
  }

  function show() {
    const names = asked();
    const chosen = names.map((name) => boxes.find((box) => box.value === name)).filter(Boolean);
    const unknown = names.filter((name) => !chosen.some((box) => box.value === name));
    boxes.forEach((box) => (box.checked = chosen.includes(box)));
    document.getElementById("told").textContent = `Choose readings (${chosen.length} of ${boxes.length})`;
    document.getElementById("hint").textContent = hint(chosen.length, unknown);
    // A frame that is moved loads again: what stays is left where it is.
    const here = new Map([...columns.children].map((each) => [each.dataset.name, each]));
    for (const [name, each] of here) if (!names.includes(name)) each.remove();
    let next = columns.firstElementChild;
    for (const box of chosen) {
      if (next?.dataset.name === box.value) next = next.nextElementSibling;
      else columns.insertBefore(here.get(box.value) ?? column(box), next);
    }
  }

  boxes.forEach((box) => {
    box.addEventListener("change", () => choose(box.checked ? [...asked(), box.value] : without(box.value)));
  });
  addEventListener("hashchange", show);

  // ---- In step: a sheet tells where it stands, all others are sent there. Files have no origin that could be named.
  const tell = (frame) => frame.contentWindow.postMessage({ kind: "place", ...place }, "*");
  const heard = {
    place(sender, { section, fraction }) {
      if (typeof section !== "string" || !(fraction >= 0 && fraction <= 1)) return;
      place = { section, fraction };
      if (step.checked) frames().forEach((frame) => frame !== sender && tell(frame));
    },
    height(sender, { height }) {
      if (height > 0 && height < 1e6) sender.style.setProperty("--height", height + "px");
    },
  };
  addEventListener("message", ({ source, data }) => {
    const sender = frames().find((frame) => frame.contentWindow === source);
    if (sender && Object.hasOwn(heard, data?.kind)) heard[data.kind](sender, data);
  });
  step.addEventListener("change", () => place && step.checked && frames().forEach(tell));

  // ---- On paper: whole sheets, laid out as on the screen and made smaller until they fit.
  const PAPER = 1030; // pixels between the margins of page.css on A4
  addEventListener("beforeprint", () => columns.style.setProperty("--shrink", Math.min(1, PAPER / columns.scrollWidth)));

  if (innerWidth < 760) document.getElementById("choice").open = false;
  if (location.hash) show();
  else choose(boxes.slice(0, 2).map((box) => box.value));
})();
