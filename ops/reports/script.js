// The page is whole without this: it only makes titles quick, tables sortable and angles readable.
"use strict";
(function () {
  const tip = document.createElement("div");
  tip.id = "tip";
  document.body.append(tip);
  for (const title of document.querySelectorAll("svg title")) {
    const owner = title.parentElement;
    if (owner.tagName === "svg") { owner.setAttribute("aria-label", title.textContent); } else { owner.dataset.tip = title.textContent; }
    title.remove();
  }
  for (const tile of document.querySelectorAll(".tile[title]")) {
    tile.dataset.tip = tile.title;
    tile.removeAttribute("title");
  }
  document.addEventListener("pointermove", function (event) {
    const owner = event.target.closest("[data-tip]");
    tip.classList.toggle("on", owner !== null);
    if (owner === null) { return; }
    tip.textContent = owner.dataset.tip;
    const box = tip.getBoundingClientRect();
    tip.style.left = Math.max(8, Math.min(event.clientX + 14, innerWidth - box.width - 8)) + "px";
    tip.style.top = Math.max(8, event.clientY - box.height - 12) + "px";
  });

  for (const table of document.querySelectorAll("table.sortable")) {
    const body = table.tBodies[0];
    const heads = Array.from(table.tHead.rows[0].cells);
    table.classList.add("live");
    heads.forEach(function (head, column) {
      head.tabIndex = 0;
      const sort = function () {
        const down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach(function (other) { other.removeAttribute("aria-sort"); });
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const key = function (row) {
          const cell = row.cells[column];
          return "value" in cell.dataset ? (cell.dataset.value === "" ? null : Number(cell.dataset.value)) : cell.textContent;
        };
        const rows = Array.from(body.rows);
        rows.sort(function (one, other) {
          const a = key(one), b = key(other);
          if (a === null || b === null) { return (a === null) - (b === null); }
          const order = typeof a === "number" ? a - b : a.localeCompare(b);
          return down ? -order : order;
        });
        body.append(...rows);
      };
      head.addEventListener("click", sort);
      head.addEventListener("keydown", function (event) { if (event.key === "Enter") { sort(); } });
    });
  }

  for (const cross of document.querySelectorAll(".crosshair")) {
    const svg = cross.ownerSVGElement, at = cross.dataset;
    const cursor = cross.querySelector("line"), words = cross.querySelector("text");
    svg.addEventListener("pointermove", function (event) {
      const x = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse()).x;
      const inside = x - at.start >= 0 ? at.end - x >= 0 : false;
      cross.classList.toggle("on", inside);
      if (!inside) { return; }
      const angle = Number(at.low) + (x - at.start) / (at.end - at.start) * (at.high - at.low);
      const d = at.wavelength / 2 / Math.sin(angle * Math.PI / 360);
      cursor.setAttribute("x1", x);
      cursor.setAttribute("x2", x);
      words.setAttribute("x", x);
      words.textContent = "2θ = " + angle.toFixed(2) + "°, d = " + d.toFixed(4) + " Å";
    });
    svg.addEventListener("pointerleave", function () { cross.classList.remove("on"); });
  }
})();
