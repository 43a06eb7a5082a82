// Every trial in a table: searched, sorted, a page at a time.
(function () {
  const host = document.getElementById("trial-table");
  if (!host) return;
  const heads = [["trial", "trial"], ["cell", "cell"], ["phase", "phase"], ["status", "status"], ["route", "route"]]
    .concat(["prune_ratio", ...data.axes.map((a) => a.name), "val_error", "test_error", "seed", "draw", "wall_seconds"].map((n) => [n, n]))
    .filter(([n]) => columns[n] && !(n === "route" && trials.words.route.length < 2));
  const names = Object.keys(trials.params).filter((n) => !["width", "depth", "prune_ratio"].includes(n));
  const total = columns.trial.length, per = 25;
  const value = (name, row) => (trials.words[name] ? word(name, row) : columns[name] ? columns[name][row] : trials.params[name][row]);
  const all = [...heads, ...names.map((n) => [n, n])];
  let order = [...Array(total).keys()], sort = null, page = 0;
  const text = order.map((row) => heads.slice(0, 5).map(([n]) => (n === "trial" ? "" : `${value(n, row)} `)).join("") + `trial ${columns.trial[row]} ${word("reason", row) ?? ""}`);
  const tools = element("div", { class: "tools" }, host);
  const search = element("input", { type: "search", placeholder: "Filter: n1280 replicate width64 failed", "aria-label": "Filter the trials" }, element("div", { class: "grow" }, tools));
  const count = element("span", { role: "status" }, tools);
  const back = element("button", { type: "button" }, tools, "Back"), next = element("button", { type: "button" }, tools, "Next");
  const table = element("table", {}, element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "All trials" }, host));
  const head = element("tr", {}, element("thead", {}, table)), body = element("tbody", {}, table);
  const buttons = all.map(([name, title]) => {
    const numeric = !trials.words[name], cell = element("th", { scope: "col", class: numeric ? "num" : "" }, head);
    element("button", { type: "button" }, cell, title.replaceAll("_", " ")).addEventListener("click", () => {
      sort = sort && sort[0] === name ? [name, -sort[1]] : [name, 1];
      page = 0; update();
    });
    return [name, cell];
  });
  function update() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    order = [...Array(total).keys()].filter((row) => words.every((w) => text[row].toLowerCase().includes(w)));
    if (sort) {
      const [name, way] = sort;
      order.sort((a, b) => {
        const u = value(name, a), v = value(name, b);
        if (u === null || u === undefined) return 1;
        if (v === null || v === undefined) return -1;
        return way * (u < v ? -1 : u > v ? 1 : a - b);
      });
    }
    for (const [name, cell] of buttons) {
      if (sort && sort[0] === name) cell.setAttribute("aria-sort", sort[1] > 0 ? "ascending" : "descending");
      else cell.removeAttribute("aria-sort");
    }
    const pages = Math.max(Math.ceil(order.length / per), 1);
    page = Math.min(page, pages - 1);
    body.replaceChildren();
    for (const row of order.slice(page * per, page * per + per)) {
      const line = element("tr", {}, body);
      for (const [name] of all) {
        const v = value(name, row), numeric = typeof v === "number";
        const shown = v === null || v === undefined ? "" : numeric && !Number.isInteger(v) ? trim(v, 4) : String(v);
        element("td", { class: numeric ? "num" : "" }, line, shown);
      }
    }
    count.textContent = `${formatCount(order.length)} of ${formatCount(total)} trials, page ${page + 1} of ${pages}`;
    back.disabled = page === 0; next.disabled = page >= pages - 1;
  }
  search.addEventListener("input", () => { page = 0; update(); });
  back.addEventListener("click", () => { page--; update(); });
  next.addEventListener("click", () => { page++; update(); });
  update();
})();
controls();
routeControls();
costControls();
shapeControls();
redraw();
// Paper is white, and as wide as it is.
window.addEventListener("beforeprint", () => { document.documentElement.classList.add("printing"); redraw(); });
window.addEventListener("afterprint", () => { document.documentElement.classList.remove("printing"); redraw(); });
