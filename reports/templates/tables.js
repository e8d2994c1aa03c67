"use strict";
(() => {
  // ---- Sort tables by a click on a heading. Undefined values stay last; texts sort upwards first, numbers downwards.
  for (const table of document.querySelectorAll("table.sortable")) {
    const headings = [...table.tHead.rows[0].cells];
    const body = table.tBodies[0];
    const key = ({ cells }, column) => {
      const { sort } = cells[column].dataset; // only cells with numbers have one
      if (sort === undefined) return cells[column].textContent;
      return sort === "" ? null : Number(sort);
    };
    const order = (column, sign) => {
      const compare = (a, b) => {
        const [x, y] = [key(a, column), key(b, column)];
        if (x === null || y === null) return (x === null) - (y === null);
        return sign * (typeof x === "string" ? x.localeCompare(y, "en") : x - y);
      };
      body.append(...[...body.rows].sort(compare));
    };
    headings.forEach((heading, column) => {
      const button = heading.querySelector("button");
      button.disabled = false;
      button.addEventListener("click", () => {
        const before = heading.getAttribute("aria-sort");
        const isText = body.rows[0].cells[column].dataset.sort === undefined;
        const up = before ? before === "descending" : isText;
        headings.forEach((other) => other.removeAttribute("aria-sort"));
        heading.setAttribute("aria-sort", up ? "ascending" : "descending");
        order(column, up ? 1 : -1);
      });
    });
    table.addEventListener("change", () => {
      const column = headings.findIndex((heading) => heading.hasAttribute("aria-sort"));
      if (column >= 0) order(column, headings[column].getAttribute("aria-sort") === "ascending" ? 1 : -1);
    });
  }

  // ---- Filter a table by a text in its rows and by their group; a line says how many rows are left.
  for (const filters of document.querySelectorAll("[data-filters]")) {
    const rows = [...document.getElementById(filters.dataset.filters).tBodies[0].rows];
    const [text, group, shown] = ["input", "select", "[role=status]"].map((part) => filters.querySelector(part));
    const filter = () => {
      const wanted = text.value.trim().toLowerCase();
      for (const row of rows) {
        const fits = group.value === "" || row.dataset.group === group.value;
        row.hidden = !(fits && row.textContent.toLowerCase().includes(wanted));
      }
      shown.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} shown`;
    };
    text.addEventListener("input", filter);
    group.addEventListener("change", filter);
    filter();
  }
})();
