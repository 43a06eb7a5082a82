// Error against size, with its controls.
const trials = data.trials, columns = trials.columns;
const lead = data.axes[0];
const choice = { axis: 0, rule: data.rules[0][0], law: "", shown: new Set(lead.curves.map((c) => c.n)), runs: true, ladders: true, band: "mean", routes: new Set() };
const ranks = new Map(lead.curves.map((c, k) => [c.n, k]));
const toneOf = (n) => tone(ranks.get(n) ?? 0, ranks.size);
const shaped = lead.shapes ?? null; // names of the shapes that have curves of their own
const cellMark = (curve, k) => (!curve.shape ? SHAPES[ranks.get(curve.n) % SHAPES.length] : shaped.length > SHAPES.length ? "circle" : SHAPES[curve.shape[k]]);
const ofShapes = data.shapes ?? null;
const shapeTone = (j) => tone(j, ofShapes.shapes.length);
const shapeMark = (j) => (ofShapes.shapes.length > SHAPES.length ? "circle" : SHAPES[j]);
const FAINT = ["none", "6 3", "1.5 2.5", "8 3 2 3", "4 2", "10 3"];
const word = (column, row) => (columns[column] ? (trials.words[column]?.[columns[column][row]] ?? columns[column][row]) : null);

function chips(parent, legend, kind, name, options, change) {
  const set = element("fieldset", {}, parent);
  element("legend", {}, set, legend);
  for (const option of options) {
    const chip = element("label", { class: "chip series", style: option.tone ?? "" }, set);
    const input = element("input", { type: kind, name, value: String(option.value) }, chip);
    input.checked = option.on;
    if (option.shape) node("path", { class: "cell", d: shape(option.shape, 7, 7, 4) }, node("svg", { viewBox: "0 0 14 14", "aria-hidden": "true" }, chip));
    chip.append(option.text);
    input.addEventListener("change", () => { change(option.value, input.checked); redraw(); });
  }
}
function controls() {
  const host = document.querySelector("#curve .controls");
  if (!host) return;
  if (data.axes.length > 1)
    chips(host, "Size in", "radio", "axis", data.axes.map((a, k) => ({ value: k, text: a.label.toLowerCase().replace("flops", "FLOPs"), on: k === 0 })), (v) => (choice.axis = v));
  if (lead.curves.length > 1)
    chips(host, "Training examples", "checkbox", "examples", lead.curves.map((c, k) => ({ value: c.n, text: c.n === null ? "unknown" : formatCount(c.n), on: true, tone: toneOf(c.n), shape: shaped ? "circle" : SHAPES[k % SHAPES.length] })),
      (v, on) => (on ? choice.shown.add(v) : choice.shown.delete(v)));
  chips(host, "Payoff rule", "radio", "rule", data.rules.map(([value, text], k) => ({ value, text, on: k === 0 })), (v) => (choice.rule = v));
  chips(host, "Band for", "radio", "band", [["mean", "the mean"], ["run", "one new run"], ["", "none"]].map(([value, text]) => ({ value, text, on: value === "mean" })), (v) => (choice.band = v));
  const routes = [...new Set(data.axes.flatMap((a) => a.routes.map((r) => r.route)))];
  chips(host, "Also show", "checkbox", "extra", [{ value: "runs", text: "single runs", on: true }, ...(shaped ? [{ value: "ladders", text: "each shape", on: true }] : []), ...routes.map((r) => ({ value: r, text: `${r} models`, on: false }))],
    (v, on) => { if (v === "runs") choice.runs = on; else if (v === "ladders") choice.ladders = on; else if (on) choice.routes.add(v); else choice.routes.delete(v); });
  const laws = new Map(lead.curves.flatMap((c) => c.laws.filter((l) => l.line.length).map((l) => [l.name, l.words])));
  if (laws.size) {
    const set = element("fieldset", { class: "law" }, host);
    const name = element("label", {}, set, "Beside it, one law ");
    const list = element("select", { name: "law" }, name);
    element("option", { value: "" }, list, "none");
    for (const [value, words] of laws) element("option", { value }, list, words);
    list.addEventListener("change", () => { choice.law = list.value; redraw(); });
  }
}
function routeControls() {
  const host = document.querySelector('[data-controls="routes"]');
  const names = [...new Set(data.routes.flatMap((r) => r.curves.map((c) => c.name)))];
  choice.routesShown = new Set(names);
  if (host && names.length > 1)
    chips(host, "Routes", "checkbox", "routes", names.map((name, k) => ({ value: name, text: name, on: true, tone: tone(k, names.length), shape: SHAPES[k % SHAPES.length] })),
      (v, on) => (on ? choice.routesShown.add(v) : choice.routesShown.delete(v)));
  choice.routeNames = names;
}
function redraw() { for (const again of drawn) again(true); said(); }
function said() {
  const host = document.getElementById("axis-verdict");
  if (host) host.textContent = choice.axis ? data.axes[choice.axis].sentence : "";
}

function trialText(row) {
  const lines = [`Trial ${columns.trial[row]}, ${word("phase", row)}`];
  if (columns.seed) lines.push(`seed ${columns.seed[row]}` + (columns.draw && columns.draw[row] !== null ? `, draw ${columns.draw[row]}` : ""));
  const error = analysis.settings.error;
  if (columns[error]) lines.push(`${data.error} ${formatError(columns[error][row])}`);
  for (const [name, values] of Object.entries(trials.params)) {
    const value = values[row];
    if (value !== null && value !== undefined) lines.push(`${name} ${typeof value === "number" ? trim(value, 3) : value}`);
  }
  return lines.join("\n");
}
// Values of any sign, such as losses: an even axis that holds them all.
function evenLimits(axis) {
  const values = axis.curves.flatMap((c) => c.cells.drawn.concat(c.columns[1] ?? [])).concat(runErrors(axis)).filter(Number.isFinite);
  const low = Math.min(...values), high = Math.max(...values), pad = 0.05 * (high - low) || 0.05;
  return [low - pad, high + pad];
}
function curveLimits(axis) {
  if (data.linear) return evenLimits(axis);
  const drawnErrors = axis.curves.flatMap((c) => c.cells.drawn.concat(c.columns[1] ?? []));
  const errors = drawnErrors.concat(runErrors(axis));
  let [low, high] = span(errors);
  const lows = axis.curves.flatMap((c) => c.columns[2] ?? []), highs = axis.curves.flatMap((c) => c.columns[3] ?? []);
  if (lows.length) {
    low = Math.min(low, Math.max(Math.min(...lows) / 1.03, low / 1.5));
    high = Math.max(high, Math.min(Math.max(...highs) * 1.03, high * 1.5));
  }
  return [low, data.percent ? Math.min(high, 1.06) : high];
}
const runErrors = (axis) => axis.curves.flatMap((c) => c.runs[0].map((row) => columns[analysis.settings.error]?.[row]));

draw("curve", (host) => {
  const axis = data.axes[choice.axis], narrow = host.clientWidth < 560;
  if (!axis.curves.some((c) => c.cells.size.length)) return;
  const shownRoutes = axis.routes.filter((r) => choice.routes.has(r.route) && choice.shown.has(r.n));
  const [xl, xh] = span(axis.curves.flatMap((c) => c.cells.size).concat(shownRoutes.map((r) => r.size)));
  let [yl, yh] = curveLimits(axis);
  if (shownRoutes.length) { const [a, b] = span(shownRoutes.map((r) => r.error)); yl = Math.min(yl, a); yh = Math.max(yh, b); }
  const title = data.error[0].toUpperCase() + data.error.slice(1);
  const named = axis.curves.length > 1 || axis.curves[0].n !== null;
  const f = frame(host, {
    height: narrow ? 340 : 470, right: narrow || !named ? 14 : 118, left: narrow ? 46 : 56,
    name: `${title} against ${axis.label.toLowerCase()}, ${data.linear ? "sizes" : "both"} logarithmic: ${axis.curves.length} curves. Arrow keys step through the points.`,
    x: { low: xl, high: xh, log: true, format: formatSize, title: axis.label },
    y: { low: yl, high: yh, log: !data.linear, format: formatError, title },
  });
  const points = [], labels = [];
  const curves = axis.curves.filter((c) => choice.shown.has(c.n));
  for (const curve of curves) {
    const group = node("g", { class: "series", style: toneOf(curve.n) }, f.inner), [grid, mean, ml, mh, rl, rh] = curve.columns;
    if (grid?.length) {
      if (choice.band) node("path", { class: "band", d: band(grid, choice.band === "mean" ? ml : rl, choice.band === "mean" ? mh : rh, f) }, group);
      node("path", { class: "line", d: path(grid, mean, f) }, group);
      const law = choice.axis === 0 && curve.laws.find((l) => l.name === choice.law && l.line.length);
      if (law) node("path", { class: "line law", d: path(grid, law.line, f) }, group);
    }
    for (const one of choice.ladders ? (curve.ladders ?? []) : [])
      node("path", { class: "line faint", "stroke-dasharray": FAINT[one.shape % FAINT.length], d: path(...one.columns, f) }, group);
    if (choice.runs) {
      const floor = Math.min(...curve.cells.drawn);
      curve.runs[0].forEach((row, k) => {
        const x = f.sx(curve.cells.size[curve.runs[1][k]]), y = f.sy(Math.max(columns[analysis.settings.error]?.[row] ?? NaN, floor));
        if (!Number.isFinite(y)) return;
        node("circle", { class: "run", cx: x.toFixed(1), cy: y.toFixed(1), r: 2.2 }, group);
        points.push({ x, y, row: curve.n, minor: true, text: `${word("cell", row)}\n${trialText(row)}` });
      });
    }
    curve.cells.size.forEach((size, k) => {
      const x = f.sx(size), y = f.sy(curve.cells.drawn[k]);
      node("path", { class: "cell", d: shape(cellMark(curve, k), x, y, 3.6) }, group);
      points.push({ x, y, row: curve.n, text: `${curve.cells.name[k] || label(curve.n)}\n${curve.shape ? `${axis.shapes[curve.shape[k]]}\n` : ""}${axis.label} ${formatSize(size)}\nmean ${data.error} ${formatError(curve.cells.error[k])} of ${curve.cells.replicates[k]} runs` });
    });
    const end = mean?.length ? mean[mean.length - 1] : curve.cells.drawn.at(-1);
    if (end) labels.push([curve, f.sy(end)]);
  }
  for (const one of shownRoutes) {
    const x = f.sx(one.size), y = f.sy(one.error);
    node("path", { class: "route", d: shape("diamond", x, y, 3.6) }, node("g", { class: "series", style: toneOf(one.n) }, f.inner));
    points.push({ x, y, row: `${one.route} ${one.n}`, text: `${one.cell}\n${one.route}${one.ratio ? `, ${trim(100 * one.ratio)}% of the weights removed` : ""}\n${axis.label} ${formatSize(one.size)}\nmean ${data.error} ${formatError(one.error)} of ${one.runs} runs` });
  }
  for (const curve of curves) marks(curve, axis, f, points);
  if (!narrow && named) {
    const places = spread(labels.map(([, y]) => y), 17, f.box.top, f.box.bottom - 6);
    labels.forEach(([curve], k) => node("text", { class: "name series", style: toneOf(curve.n), x: f.box.right + 8, y: places[k] + 4 }, f.svg, label(curve.n)));
  }
  if (shaped) shapeLegend(f, 160);
  ask(host, f, points);
});

function marks(curve, axis, f, points) {
  const mark = curve.marks.find((m) => m.rule === choice.rule) ?? (choice.axis ? curve.marks.find((m) => m.rule === axis.rule) : null);
  if (!mark?.told.name || mark.size === null || mark.error_at_size === null) return;
  const group = node("g", { class: "series payoff", style: toneOf(curve.n) }, f.svg);
  const inside = (v) => Math.min(Math.max(v, f.box.left), f.box.right);
  const y = f.sy(mark.error_at_size), low = inside(f.sx(mark.low)), high = inside(f.sx(mark.high)), x = f.sx(mark.size);
  const end = (at, open, sign) => (open ? `M${at - sign * 6} ${y - 4}L${at} ${y}L${at - sign * 6} ${y + 4}` : `M${at} ${y - 5}V${y + 5}`);
  node("path", { class: "mark-bar", d: `M${low} ${y}H${high}` + end(low, mark.low_open, -1) + end(high, mark.high_open, 1) }, group);
  const hurts = mark.verdict === "hurts_beyond";
  node("path", { class: "mark", d: shape(hurts ? "cross" : "star", x, y, hurts ? 6 : 9) }, group);
  points.push({ x, y, row: curve.n, text: `${mark.told.name}: ${formatSize(mark.size)} ${axis.label.toLowerCase()}\n${label(curve.n)}, rule ${mark.rule}\n${mark.told.ends}\n${data.error} ${formatError(mark.error_at_size)} there` });
}
