// Error against each cost with its front, and what each regulariser is worth.
const costs = Object.keys(data.costs ?? {});
const wayOf = (() => {
  const methods = new Set(analysis.pareto.map((p) => p.method).filter(Boolean));
  return (p) => (p.method && methods.size > 1 ? p.method : p.route);
})();
const ways = [...new Set(analysis.pareto.map(wayOf))].sort((a, b) => (b === "trained") - (a === "trained") || a.localeCompare(b));
function costControls() {
  choice.cost = costs[0];
  choice.ways = new Set(ways);
  const host = document.querySelector('[data-controls="pareto"]');
  if (!host) return;
  if (costs.length > 1)
    chips(host, "Cost", "radio", "cost", costs.map((name, k) => ({ value: name, text: data.costs[name], on: k === 0 })), (v) => (choice.cost = v));
  if (ways.length > 1)
    chips(host, "Made by", "checkbox", "ways", ways.map((name, k) => ({ value: name, text: name, on: true, tone: tone(k, ways.length), shape: SHAPES[k % SHAPES.length] })),
      (v, on) => (on ? choice.ways.add(v) : choice.ways.delete(v)));
}
// The front of what is shown: nothing cheaper is better. Models in order of cost.
function frontOf(models) {
  let best = Infinity;
  return models.filter((p) => p.error < best && ((best = p.error), true));
}

draw("pareto", (host) => {
  host.replaceChildren();
  if (!choice.cost) return; // the controls come last
  const all = analysis.pareto.filter((p) => p.cost === choice.cost);
  const title = data.costs[choice.cost], name = title[0].toUpperCase() + title.slice(1);
  for (const n of [...new Set(all.map((p) => known(p.n_examples)))]) {
    if (!choice.shown.has(n)) continue;
    const here = all.filter((p) => known(p.n_examples) === n), models = here.filter((p) => choice.ways.has(wayOf(p)));
    if (!models.length) continue;
    const panel = element("div", {}, host);
    element("h4", {}, panel, label(n));
    const box = element("div", { class: "plot" }, panel);
    const [xl, xh] = span(here.map((p) => p.value)), [yl, yh] = span(here.map((p) => p.error));
    const f = frame(box, {
      height: 250, left: 50, name: `${data.error} against ${title}, ${label(n)}: ${models.length} models and their front. Arrow keys step through the points.`,
      x: { low: xl, high: xh, log: true, format: formatSize, title: name, most: 5 },
      y: { low: yl, high: yh, log: true, format: formatError, title: data.error[0].toUpperCase() + data.error.slice(1), most: 5 },
    });
    const y = (p) => f.sy(Math.max(p.error, yl));
    const ordered = [...models].sort((a, b) => a.value - b.value || a.error - b.error);
    const front = frontOf(ordered);
    node("path", { class: "front", d: front.map((p, k) => (k ? `H${f.sx(p.value).toFixed(1)}V${y(p).toFixed(1)}` : `M${f.sx(p.value).toFixed(1)} ${y(p).toFixed(1)}`)).join("") + `H${f.box.right}` }, f.inner);
    ask(box, f, ordered.map((p) => {
      const k = ways.indexOf(wayOf(p)), x = f.sx(p.value), at = y(p);
      const group = node("g", { class: "series", style: tone(k, ways.length) }, f.inner);
      node("path", { class: "cell", d: shape(SHAPES[k % SHAPES.length], x, at, 3.4) }, group);
      node("path", { class: "cell full", d: shape(SHAPES[k % SHAPES.length], x, at, 3.4), opacity: p.probability.toFixed(2) }, group);
      return { x, y: at, row: wayOf(p), text: `${p.cell}\n${wayOf(p)}\n${name} ${formatSize(p.value)}\nmean ${data.error} ${formatError(p.error)}\non the front of all models with probability ${trim(100 * p.probability, 2)}%` };
    }));
  }
});

draw("regularisation", (host) => {
  host.replaceChildren();
  const names = [...new Set(analysis.regularisation.map((r) => r.regulariser))];
  for (const name of names) {
    const every = analysis.regularisation.filter((r) => r.regulariser === name);
    const steps = every.filter((r) => choice.shown.has(known(r.n_examples)) && r.gain !== null);
    if (!steps.length) continue;
    const words = name.replaceAll("_", " "), used = (r) => r.chosen !== r.weakest;
    // An interval that falls below a thousand times the error is one that no pairs have bounded.
    const told = (r) => used(r) && r.low !== null && r.high !== null && r.low > -1e3;
    const panel = element("div", {}, host);
    element("h4", {}, panel, words);
    const box = element("div", { class: "plot" }, panel);
    const [xl, xh] = span(every.map((r) => r.size), 1.3);
    const ends = every.flatMap((r) => (told(r) ? [r.low, r.high] : [r.gain ?? 0])), low = Math.min(0, ...ends), high = Math.max(0, ...ends), room = 0.08 * Math.max(high - low, 0.02);
    const f = frame(box, {
      height: 250, left: 50, name: `Share of the ${data.error} that ${words} saves, against size. Arrow keys step through the points.`,
      x: { low: xl, high: xh, log: true, format: formatSize, title: lead.label, most: 5 },
      y: { low: low - room, high: high + room, format: (v) => `${trim(100 * v)}%`, title: `Saved of the ${data.error}`, most: 5 },
    });
    node("line", { class: "zero", x1: f.box.left, x2: f.box.right, y1: f.sy(0), y2: f.sy(0) }, f.inner);
    ask(box, f, steps.map((r) => {
      const n = known(r.n_examples), k = ranks.get(n) ?? 0, group = node("g", { class: "series", style: toneOf(n) }, f.inner);
      const x = f.sx(r.size) + (k - (ranks.size - 1) / 2) * 4, y = f.sy(r.gain);
      if (told(r)) node("path", { class: "whisker", d: `M${x} ${f.sy(r.low)}V${f.sy(r.high)}` }, group);
      node("path", { class: used(r) ? "cell full" : "cell", d: shape(SHAPES[k % SHAPES.length], x, y, 3.6) }, group);
      const bar = told(r) ? `${trim(100 * r.low, 2)}% to ${trim(100 * r.high, 2)}%` : "too few pairs for an interval";
      const found = used(r) ? `saves ${trim(100 * r.gain, 2)}% (${bar}) over ${trim(r.weakest)}` : "the weakest was best";
      return { x, y, row: n, text: `${label(n)}\n${lead.label} ${formatSize(r.size)}\n${words} ${trim(r.chosen)} chosen on validation\n${found}` };
    }));
  }
});
