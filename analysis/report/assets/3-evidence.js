// What stands behind the verdict: growth, residuals, held-out sizes, tuning, effects, learning.
const sizeLimits = () => span(lead.curves.flatMap((c) => c.cells.size));

draw("growth", (host) => {
  const growth = data.growth, rule = data.rules[0][0];
  if (!growth) return;
  const marks = lead.curves.map((c) => c.marks.find((m) => m.rule === rule)).filter((m) => m && m.verdict === "pays_off_until" && m.size !== null);
  const xs = growth.line.map((r) => r[0]);
  const [xl, xh] = span(xs, 1.15);
  const [yl, yh] = span(growth.line.flatMap((r) => r.slice(1)).concat(marks.flatMap((m) => [m.low, m.high])));
  const f = frame(host, {
    height: 300, right: 24, name: "Payoff point against training examples, both logarithmic.",
    x: { low: xl, high: xh, log: true, format: formatCount, title: "Training examples", ticks: xs.length < 40 && marks.length <= 7 ? [...marks.map((m) => m.n_examples), xs.at(-1)] : undefined },
    y: { low: yl, high: yh, log: true, format: formatSize, title: `Payoff point, ${lead.label.toLowerCase()}` },
  });
  const group = node("g", { class: "series", style: "--t:.85" }, f.inner);
  node("path", { class: "band", d: band(xs, growth.line.map((r) => r[2]), growth.line.map((r) => r[3]), f) }, group);
  const last = Math.max(...marks.map((m) => m.n_examples));
  for (const [ahead, cls] of [[false, "line"], [true, "line law"]]) {
    const part = growth.line.filter((r) => (ahead ? r[0] >= last : r[0] <= last));
    node("path", { class: cls, d: path(part.map((r) => r[0]), part.map((r) => r[1]), f) }, group);
  }
  const points = marks.map((m) => {
    const x = f.sx(m.n_examples), y = f.sy(m.size);
    node("path", { class: "whisker", d: `M${x} ${f.sy(m.low)}V${f.sy(m.high)}` }, group);
    node("path", { class: "mark", d: shape("star", x, y, 8) }, group);
    return { x, y, row: 0, text: `${label(m.n_examples)}\n${m.told.name} ${formatSize(m.size)}\n${m.told.ends}` };
  });
  const r = growth.line.at(-1);
  points.push({ x: f.sx(r[0]), y: f.sy(r[1]), row: 0, text: `Forecast for ${label(r[0])}\n${formatSize(r[1])}, interval ${formatSize(r[2])} to ${formatSize(r[3])}` });
  ask(host, f, points);
});

draw("residuals", (host) => {
  const shown = data.residuals.filter((r) => choice.shown.has(r.n) && r.cells.length);
  if (!shown.length) return host.replaceChildren();
  const [xl, xh] = sizeLimits();
  const ends = (cell) => [-1.645, 0, 1.645].map((z) => cell.ratio * Math.exp(z * cell.spread));
  const wide = Math.max(...data.residuals.flatMap((r) => r.cells.flatMap((c) => ends(c).map((v) => Math.abs(Math.log(v))))), 0.05) * 1.06;
  const f = frame(host, {
    height: 270, right: 24, name: "Measured error over that of the curve, cell by cell, against size. Arrow keys step through the points.",
    x: { low: xl, high: xh, log: true, format: formatSize, title: lead.label },
    y: { low: Math.exp(-wide), high: Math.exp(wide), log: true, format: (v) => `×${trim(v)}`, title: "Measured over curve", most: 6 },
  });
  node("line", { class: "zero", x1: f.box.left, x2: f.box.right, y1: f.sy(1), y2: f.sy(1) }, f.inner);
  const points = [];
  for (const one of shown) {
    const group = node("g", { class: "series", style: toneOf(one.n) }, f.inner), k = ranks.get(one.n);
    const shift = (k - (ranks.size - 1) / 2) * 2.5;
    for (const cell of one.cells) {
      const x = f.sx(cell.size) + shift, [low, middle, high] = ends(cell).map(f.sy);
      node("path", { class: "whisker", d: `M${x} ${low}V${high}` }, group);
      node("path", { class: "cell", d: shape(SHAPES[k % SHAPES.length], x, middle, 3.2) }, group);
      points.push({ x, y: middle, row: one.n, text: `${cell.cell || label(one.n)}\n×${trim(cell.ratio)} of the curve's error\nnoise explains ±${trim(164.5 * cell.spread, 2)}% (90%)` });
    }
  }
  legend(f, choice.shown);
  ask(host, f, points);
});

draw("holdout", (host) => {
  const shown = data.holdout.filter((h) => choice.shown.has(h.n) && h.cells.length);
  if (!shown.length) return host.replaceChildren();
  const [xl, xh] = span(data.holdout.flatMap((h) => h.cells.map((c) => c.size)));
  const wide = Math.max(...data.holdout.flatMap((h) => h.cells.flatMap((c) => [c.measured / c.forecast, c.low / c.forecast, c.high / c.forecast].map((v) => Math.abs(Math.log(v))))), 0.05) * 1.1;
  const f = frame(host, {
    height: 270, right: 24, name: "Measured over forecast error of the held-out sizes, with the forecast's band. Arrow keys step through the points.",
    x: { low: xl, high: xh, log: true, format: formatSize, title: `${lead.label} (held out)`, most: 6 },
    y: { low: Math.exp(-wide), high: Math.exp(wide), log: true, format: (v) => `×${trim(v)}`, title: "Measured over forecast", most: 6 },
  });
  node("line", { class: "zero", x1: f.box.left, x2: f.box.right, y1: f.sy(1), y2: f.sy(1) }, f.inner);
  const points = [];
  for (const one of shown) {
    const group = node("g", { class: "series", style: toneOf(one.n) }, f.inner), k = ranks.get(one.n);
    const shift = (k - (ranks.size - 1) / 2) * 5;
    for (const cell of one.cells) {
      const x = f.sx(cell.size) + shift, y = f.sy(cell.measured / cell.forecast);
      node("path", { class: "whisker", d: `M${x} ${f.sy(cell.low / cell.forecast)}V${f.sy(cell.high / cell.forecast)}` }, group);
      node("path", { class: "cell", d: shape(SHAPES[k % SHAPES.length], x, y, 3.2) }, group);
      points.push({ x, y, row: one.n, text: `${cell.cell || label(one.n)}\nforecast ${formatError(cell.forecast)} (${formatError(cell.low)} to ${formatError(cell.high)})\nmeasured ${formatError(cell.measured)}` });
    }
  }
  legend(f, choice.shown);
  ask(host, f, points);
});

draw("tuning", (host) => {
  const cells = (analysis.tuning?.cells ?? []).filter((c) => c.gain !== null && c.size !== null && choice.shown.has(known(c.n_examples)));
  if (!cells.length) return host.replaceChildren();
  const all = analysis.tuning.cells.filter((c) => c.gain !== null && c.size !== null);
  const [xl, xh] = span(all.map((c) => c.size));
  const low = Math.min(0, ...all.map((c) => c.kept_gain ?? c.gain)) - 0.01, high = Math.max(0.08, ...all.map((c) => c.kept_gain ?? c.gain)) + 0.01;
  const f = frame(host, {
    height: 270, right: 24, name: "Error that the last doubling of the search trials saved in each cell, against size. Arrow keys step through the points.",
    x: { low: xl, high: xh, log: true, format: formatSize, title: lead.label },
    y: { low, high, format: (v) => `${trim(100 * v)}%`, title: "Saved by the last doubling of search trials", most: 5 },
  });
  node("line", { class: "zero", x1: f.box.left, x2: f.box.right, y1: f.sy(0.05), y2: f.sy(0.05) }, f.inner);
  legend(f, choice.shown);
  ask(host, f, cells.map((cell) => {
    const n = known(cell.n_examples), k = ranks.get(n) ?? 0, saved = cell.kept_gain ?? cell.gain;
    const x = f.sx(cell.size), y = f.sy(saved);
    node("path", { class: cell.more_pays ? "cell full" : "cell", d: shape(SHAPES[k % SHAPES.length], x, y, 3.6) }, node("g", { class: "series", style: toneOf(n) }, f.inner));
    return { x, y, row: n, text: `${cell.cell}\n${cell.trials} search trials, ${cell.failed} failed\nlast doubling saved ${trim(100 * saved, 2)}% of the error\n${data.more_pays[Number(cell.more_pays)]}` };
  }));
});

draw("effects", (host) => {
  const effects = (analysis.tuning?.effects ?? []).filter((e) => e.capacity === "all");
  host.replaceChildren();
  const names = [...new Set(effects.map((e) => e.hyperparameter))];
  const values = effects.flatMap((e) => e.thirds_low.concat(e.thirds_high)).filter((v) => v !== null);
  if (!values.length) return;
  const wide = Math.min(Math.max(...values.map((v) => Math.abs(v)), 0.05), 1.5);
  for (const name of names) {
    const panel = element("div", {}, host), title = element("h4", {}, panel, name);
    const box = element("div", { class: "plot" }, panel);
    title.id = `effect-${names.indexOf(name)}`;
    const f = frame(box, {
      height: 210, left: 50, name: `Error of the low, middle and high third of ${name}, relative to its cell`,
      x: { low: -0.5, high: 2.5, format: (v) => ["low", "middle", "high"][v], title: "third of the values", ticks: [0, 1, 2] },
      y: { low: -wide, high: wide, format: (v) => formatShare(v), title: "Error against its cell", most: 4 },
    });
    node("line", { class: "zero", x1: f.box.left, x2: f.box.right, y1: f.sy(0), y2: f.sy(0) }, f.inner);
    const points = [];
    for (const e of effects.filter((one) => one.hyperparameter === name && choice.shown.has(known(one.n_examples)))) {
      const n = known(e.n_examples), k = ranks.get(n) ?? 0, group = node("g", { class: "series", style: toneOf(n) }, f.inner);
      const shift = (k - (ranks.size - 1) / 2) * 9;
      const spots = e.thirds.map((v, t) => [f.sx(t) + shift, f.sy(v)]);
      node("path", { class: "line thin", d: spots.map(([x, y], t) => `${t ? "L" : "M"}${x} ${y}`).join("") }, group);
      spots.forEach(([x, y], t) => {
        node("path", { class: "whisker", d: `M${x} ${f.sy(e.thirds_low[t])}V${f.sy(e.thirds_high[t])}` }, group);
        node("path", { class: "cell", d: shape(SHAPES[k % SHAPES.length], x, y, 3) }, group);
        points.push({ x, y, row: n, text: `${label(n)}: ${e.words}\n${["below " + trim(e.edges[0]), `${trim(e.edges[0])} to ${trim(e.edges[1])}`, "above " + trim(e.edges[1])][t]}\nerror ${formatShare(e.thirds[t])} of its cell's` });
      });
    }
    ask(box, f, points);
  }
});

// Which line is which size, above a frame: all of them, or the ends where these are many.
function sizeLegend(panel, sizes) {
  const shown = sizes.length > 8 ? [0, Math.floor((sizes.length - 1) / 2), sizes.length - 1] : sizes.map((_, k) => k);
  const keys = element("p", { class: "keys" });
  element("span", { class: "keys-of" }, keys, lead.label + (shown.length < sizes.length ? ", light to dark" : ""));
  for (const k of shown) {
    const key = element("span", { class: "key" }, keys), mark = node("svg", { viewBox: "0 0 18 8", "aria-hidden": "true" }, key);
    node("path", { class: "line", d: "M1 4H17" }, node("g", { class: "series", style: tone(k, sizes.length) }, mark));
    key.append(formatSize(sizes[k]));
  }
  panel.insertBefore(keys, panel.querySelector(".plot"));
}

draw("learning", (host) => {
  host.replaceChildren();
  const name = choice.series ?? data.learning.flatMap((one) => Object.keys(one.series)).find((k) => k === "val_error") ?? Object.keys(data.learning[0]?.series ?? {})[0];
  const groups = new Map();
  for (const one of data.learning) {
    const n = columns.n_examples ? columns.n_examples[one.row] : null;
    if (one.series[name] && choice.shown.has(n)) groups.set(n, [...(groups.get(n) ?? []), one]);
  }
  const all = data.learning.flatMap((one) => (one.series[name] ?? []).map((p) => p[1]));
  if (!groups.size) return;
  const [yl, yh] = span(all);
  for (const [n, group] of groups) {
    const panel = element("div", {}, host);
    element("h4", {}, panel, label(n));
    const box = element("div", { class: "plot" }, panel);
    const steps = group.flatMap((one) => one.series[name].map((p) => p[0]));
    const f = frame(box, {
      height: 230, left: 50, name: `${name} against training step, ${label(n)}: one line for each of ${group.length} capacities`,
      x: { low: Math.min(...steps), high: Math.max(...steps), format: formatSize, title: "step", most: 4 },
      y: { low: yl, high: yh, log: true, format: name.endsWith("error") ? formatError : trim, title: name.replace("_", " "), most: 5 },
    });
    const ordered = [...group].sort((a, b) => columns[lead.name][a.row] - columns[lead.name][b.row]);
    sizeLegend(panel, ordered.map((one) => columns[lead.name][one.row]));
    ask(box, f, ordered.map((one, k) => {
      const points = one.series[name].filter((p) => p[1] > 0), last = points.at(-1);
      node("path", { class: "line thin", d: path(points.map((p) => p[0]), points.map((p) => p[1]), f) }, node("g", { class: "series", style: tone(k, ordered.length) }, f.inner));
      return { x: f.sx(last[0]), y: f.sy(last[1]), row: 0, text: `${word("cell", one.row)}\n${lead.label} ${formatSize(columns[lead.name][one.row])}\n${name} ${trim(last[1])} at step ${last[0]}` };
    }));
  }
});

draw("prune", (host) => {
  const sizes = [...new Set(analysis.prune.map((l) => known(l.n_examples)))].filter((n) => choice.shown.has(n));
  const ladders = sizes.map((n) => analysis.prune.filter((l) => known(l.n_examples) === n).reduce((a, b) => (b.size > a.size ? b : a)));
  if (!ladders.length) return host.replaceChildren();
  const all = ladders.flatMap((l) => l.steps), wide = Math.min(Math.max(...all.map((s) => s.cost)), 3);
  const low = Math.min(-0.05, ...all.map((s) => Math.max(s.low, -0.5)));
  const f = frame(host, {
    height: 280, right: 32, name: "Rise of the error against the share of weights removed, for the largest model of each dataset size. Arrow keys step through the points.",
    x: { low: 0, high: 1, format: (v) => `${trim(100 * v)}%`, title: "Weights removed", ticks: [0, 0.25, 0.5, 0.75, 1] },
    y: { low, high: Math.max(0.2, wide) * 1.05, format: formatShare, title: "Rise of the error over the dense model", most: 5 },
  });
  node("line", { class: "zero", x1: f.box.left, x2: f.box.right, y1: f.sy(0), y2: f.sy(0) }, f.inner);
  const points = [];
  for (const ladder of ladders) {
    const n = known(ladder.n_examples), k = ranks.get(n) ?? 0, group = node("g", { class: "series", style: toneOf(n) }, f.inner);
    node("path", { class: "line thin", d: path([0, ...ladder.steps.map((s) => s.prune_ratio)], [0, ...ladder.steps.map((s) => s.cost)], f) }, group);
    const shift = (k - (ranks.size - 1) / 2) * 4;
    for (const step of ladder.steps) {
      const x = f.sx(step.prune_ratio) + shift, y = f.sy(step.cost);
      if (step.low !== null && step.high !== null) node("path", { class: "whisker", d: `M${x} ${f.sy(step.low)}V${f.sy(step.high)}` }, group);
      node("path", { class: "cell", d: shape(SHAPES[k % SHAPES.length], x, y, 3.2) }, group);
      points.push({ x, y, row: n, text: `${ladder.cell}\n${trim(100 * step.prune_ratio)}% of the weights removed\nerror ${formatShare(step.cost)} (${formatShare(step.low)} to ${formatShare(step.high)}), ${step.pairs} pairs` });
    }
  }
  legend(f, choice.shown);
  ask(host, f, points);
});

draw("routes", (host) => {
  host.replaceChildren();
  if (!choice.routesShown) return; // the controls come last
  const names = choice.routeNames;
  for (const study of data.routes) {
    if (!choice.shown.has(study.n)) continue;
    const curves = study.curves.filter((c) => choice.routesShown.has(c.name) && c.cells.size.length);
    if (!curves.length) continue;
    const panel = element("div", {}, host);
    element("h4", {}, panel, label(study.n));
    const box = element("div", { class: "plot" }, panel);
    const every = study.curves.filter((c) => c.cells.size.length);
    const [xl, xh] = span(every.flatMap((c) => c.cells.size)), [yl, yh] = span(every.flatMap((c) => c.cells.drawn.concat(c.columns[1] ?? [])));
    const f = frame(box, {
      height: 250, left: 50, name: `${data.error} against ${study.label.toLowerCase()} of each route, ${label(study.n)}. Arrow keys step through the points.`,
      x: { low: xl, high: xh, log: true, format: formatSize, title: study.label, most: 5 },
      y: { low: yl, high: yh, log: true, format: formatError, title: data.error[0].toUpperCase() + data.error.slice(1), most: 5 },
    });
    const points = [];
    for (const curve of curves) {
      const k = names.indexOf(curve.name), group = node("g", { class: "series", style: tone(k, names.length) }, f.inner), [grid, mean, low, high] = curve.columns;
      if (grid) {
        node("path", { class: "band", d: band(grid, low, high, f) }, group);
        node("path", { class: "line", d: path(grid, mean, f) }, group);
      }
      curve.cells.size.forEach((size, c) => {
        const x = f.sx(size), y = f.sy(curve.cells.drawn[c]);
        node("path", { class: "cell", d: shape(SHAPES[k % SHAPES.length], x, y, 3.2) }, group);
        points.push({ x, y, row: curve.name, text: `${curve.cells.name[c]}\n${curve.name}\n${study.label} ${formatSize(size)}\nmean ${data.error} ${formatError(curve.cells.error[c])} of ${curve.cells.replicates[c]} runs` });
      });
    }
    ask(box, f, points);
  }
});
