// Width or depth: the best shape at each size or other cost, and the map of networks.
function shapeControls() {
  if (!ofShapes) return;
  choice.shapeCost = ofShapes.costs[0][0];
  const host = document.querySelector('[data-controls="shapes"]');
  if (host)
    chips(host, "At equal", "radio", "shapecost", ofShapes.costs.map(([value, text], k) => ({ value, text, on: k === 0 })), (v) => (choice.shapeCost = v));
}
// Which mark is which shape, above a frame, as far as there is room.
function shapeLegend(f, from) {
  const group = node("g", { "aria-hidden": "true" }, f.svg), names = ofShapes.short;
  const wide = names.map((name) => 7.5 * name.length + 26), title = 7 * ofShapes.title.length + 10;
  let x = f.box.right - wide.reduce((a, b) => a + b, 0);
  if (x - title < from) return;
  node("text", { class: "title", x: x - 10, y: 12, "text-anchor": "end", fill: "var(--soft)" }, group, ofShapes.title.toLowerCase());
  names.forEach((name, j) => {
    node("path", { class: "cell", d: shape(shapeMark(j), x + 5, 8, 3.6) }, node("g", { class: "series", style: shapeTone(j) }, group));
    node("text", { x: x + 14, y: 12, fill: "var(--ink)" }, group, name);
    x += wide[j];
  });
}
// How much more error: a share, or so many units of a loss.
const formatMore = (v) => (data.linear ? (v > 0 ? "+" : v < 0 ? "−" : "") + trim(Math.abs(v)) : formatShare(v));
const RATIOS = [-0.5, -0.3, -0.2, -0.1, 0, 0.1, 0.2, 0.5, 1, 2, 4, 9, 19, 49];

draw("best-shape", (host) => {
  host.replaceChildren();
  if (!choice.shapeCost) return; // the controls come last
  const [cost, costName] = ofShapes.costs.find(([name]) => name === choice.shapeCost);
  const title = costName[0].toUpperCase() + costName.slice(1);
  // Shares on a log axis of ratios, so that twice and half are as far.
  const up = (v) => (data.linear ? v : 1 + Math.max(v, -0.95));
  for (const study of ofShapes.studies) {
    const choices = study.choices[cost];
    if (!choice.shown.has(study.n) || !choices.length) continue;
    const alone = ofShapes.studies.filter((s) => choice.shown.has(s.n)).length === 1;
    const panel = element("div", alone ? { class: "alone" } : {}, host);
    element("h4", {}, panel, label(study.n));
    const box = element("div", { class: "plot" }, panel);
    const others = choices.flatMap((c) => c.others), middle = others.map((o) => o[1]);
    const loss = ofShapes.loss, f1 = data.linear ? (v) => v : (v) => Math.log(1 + Math.max(v, -0.95)), back = data.linear ? (v) => v : (v) => Math.expm1(v);
    const least = Math.min(0, ...middle.map(f1)), most = Math.max(f1(loss), ...middle.map(f1)), reach = 2 * Math.max(most - least, data.linear ? 1e-9 : 0.1);
    let low = Math.min(0, Math.max(Math.min(...others.map((o) => f1(o[2]))), least - reach)), high = Math.max(most, Math.min(Math.max(...others.map((o) => f1(o[3]))), most + reach));
    high += 0.05 * (high - low);
    const height = 270, strip = 18, room = 34 / (height - 72 - 34);
    const bottom = low - (high - low) * (room + 0.04);
    const edges = choices.map((c) => Math.log(c.size)), half = edges.length > 1 ? (edges.at(-1) - edges[0]) / (edges.length - 1) / 2 : 0.3;
    const edge = [edges[0] - half, ...edges.slice(1).map((e, k) => (e + edges[k]) / 2), edges.at(-1) + half].map(Math.exp);
    const inside = (v) => v > low - 1e-9 && v < high;
    const wanted = data.linear ? evenTicks(low, high, 5) : RATIOS.filter((v) => inside(f1(v)));
    const ticks = [];
    for (const tick of [...wanted].sort((a, b) => Math.abs(f1(a)) - Math.abs(f1(b))))
      if (ticks.every((t) => Math.abs(f1(t) - f1(tick)) > (high - bottom) * 0.07)) ticks.push(tick);
    const f = frame(box, {
      height, left: 52, name: `Best shape against ${costName}, ${label(study.n)}: how much more error the others have. Arrow keys step through the points.`,
      x: { low: edge[0], high: edge.at(-1), log: true, format: formatSize, title, most: 5 },
      y: { low: up(back(bottom)), high: up(back(high)), log: !data.linear, format: (v) => formatMore(data.linear ? v : v - 1), title: `${data.linear ? "Worse" : "More"} ${data.error}`, ticks: ticks.map(up) },
    });
    shapeLegend(f, 60 + 7 * data.error.length);
    const at = (v) => f.sy(up(back(Math.max(f1(v), low - (high - low) * 0.02))));
    node("line", { class: "base", x1: f.box.left, x2: f.box.right, y1: at(0), y2: at(0) }, f.inner);
    if (loss) node("line", { class: "zero", x1: f.box.left, x2: f.box.right, y1: at(loss), y2: at(loss) }, f.inner);
    const points = [], top = f.box.bottom - strip - 5;
    for (let k = 0, begin = 0; k < choices.length; k++) {
      const c = choices[k], after = choices[k + 1];
      const x = f.sx(c.size);
      points.push({ x, y: top + strip / 2, row: -1, text: `${title} ${formatSize(c.size)}\n${ofShapes.shapes[c.shape]}: ${ofShapes.standings[c.standing]}, probability ${trim(100 * c.probability, 2)}%\n${data.error} ${formatError(c.error)}` });
      if (after && after.shape === c.shape && after.standing === c.standing) continue;
      const left = f.sx(edge[begin]), right = f.sx(edge[k + 1]), name = ofShapes.short[c.shape];
      const group = node("g", { class: "series", style: shapeTone(c.shape) }, f.inner);
      node("rect", { class: `strip ${c.standing}`, x: left + 1, y: top, width: Math.max(right - left - 2, 1), height: strip }, group);
      if (right - left > 8 * name.length + 8) node("text", { class: "on", x: (left + right) / 2, y: top + 13.5, "text-anchor": "middle" }, group, name);
      begin = k + 1;
    }
    const shift = (j) => (j - (ofShapes.shapes.length - 1) / 2) * 2;
    for (const c of choices)
      for (const [j, more, from, to, worse] of c.others) {
        const group = node("g", { class: "series", style: shapeTone(j) }, f.inner), x = f.sx(c.size) + shift(j), y = at(more);
        node("path", { class: "whisker", d: `M${x} ${at(from)}V${at(to)}` }, group);
        node("path", { class: "cell", d: shape(shapeMark(j), x, y, 3.2) }, group);
        points.push({ x, y, row: j, text: `${title} ${formatSize(c.size)}\n${ofShapes.shapes[j]} over ${ofShapes.shapes[c.shape]}: ${formatMore(more)} error\n${formatMore(from)} to ${formatMore(to)}; worse with probability ${trim(100 * worse, 2)}%` });
      }
    ask(box, f, points);
  }
});

draw("shape-map", (host) => {
  const study = ofShapes.studies.filter((s) => choice.shown.has(s.n)).at(-1);
  if (!study) return host.replaceChildren();
  const map = study.map, rows = ofShapes.shapes.map((_, j) => j).filter((j) => map.row.includes(j));
  const middles = (values) => {
    const logs = values.map(Math.log);
    if (logs.length < 2) return [logs[0] - 0.35, logs[0] + 0.35];
    const between = logs.slice(1).map((v, k) => (v + logs[k]) / 2);
    return [2 * logs[0] - between[0], ...between, 2 * logs.at(-1) - between.at(-1)];
  };
  const fields = [];
  for (const j of rows) {
    const mine = map.at.map((_, k) => k).filter((k) => map.row[k] === j).sort((a, b) => map.at[a] - map.at[b]);
    const edge = middles(mine.map((k) => map.at[k])).map(Math.exp);
    mine.forEach((k, place) => (fields[k] = [edge[place], edge[place + 1]]));
  }
  const named = Math.max(...rows.map((j) => ofShapes.short[j].length)), tall = Math.max(44, Math.min(80, 260 / rows.length));
  const widths = [...new Set(map.at)].sort((a, b) => a - b);
  const f = frame(host, {
    height: rows.length * tall + 72, left: 20 + 7.5 * named, right: 8,
    name: `${data.error} of every network by ${map.along.toLowerCase()} and shape, ${label(study.n)}. Arrow keys step through the networks.`,
    x: { low: Math.min(...fields.map((e) => e[0])), high: Math.max(...fields.map((e) => e[1])), log: true, format: formatSize, title: map.along, ticks: widths.length <= 10 ? widths : undefined },
    y: { low: -0.5, high: rows.length - 0.5, format: (v) => ofShapes.short[rows[v]], title: `${ofShapes.title}, ${label(study.n)}`, ticks: rows.map((_, r) => r) },
  });
  const good = data.linear ? (v) => v : Math.log, values = map.fitted.map(good), lowest = Math.min(...values), range = Math.max(...values) - lowest || 1;
  const numbers = []; // over the line
  const points = map.cell.map((cell, k) => {
    const r = rows.indexOf(map.row[k]), y = f.sy(r), x1 = f.sx(fields[k][0]), x2 = f.sx(fields[k][1]), t = 1 - (values[k] - lowest) / range;
    const group = node("g", { class: "series", style: `--t:${t.toFixed(3)}` }, f.inner);
    node("rect", { class: "field", x: x1 + 0.5, y: y - tall / 2 + 1, width: Math.max(x2 - x1 - 1, 1), height: tall - 2 }, group);
    const text = formatError(Number(map.observed[k].toPrecision(2)));
    if (x2 - x1 > 7 * text.length + 2) numbers.push(["text", { class: "on", x: (x1 + x2) / 2, y: y + tall / 4 + 4, "text-anchor": "middle" }, f.inner, text]);
    return { x: (x1 + x2) / 2, y, row: r, corner: [x1 + Math.min(9, (x2 - x1) / 2), y - tall / 2 + 10], text: `${cell}\n${ofShapes.shapes[map.row[k]]}, ${map.along.toLowerCase()} ${formatSize(map.at[k])}\n${data.error} ${formatError(map.observed[k])} measured, ${formatError(map.fitted[k])} on its curve${map.path.includes(k) ? "\nthe one to take at its size" : ""}` };
  });
  const way = map.path.map((k) => points[k]);
  // In the fields' corners, and from row to row along their borders, where no number stands.
  const turns = way.flatMap(({ corner: [x, y], row }, k) => {
    const before = way[k - 1];
    if (!before || before.row === row) return [[x, y]];
    const border = f.sy(before.row) + (row > before.row ? -tall / 2 : tall / 2);
    return [[before.corner[0], border], [x, border], [x, y]];
  });
  for (const cls of ["way under", "way"]) node("path", { class: cls, d: turns.map(([x, y], k) => `${k ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("") }, f.inner);
  for (const number of numbers) node(...number);
  for (const { corner: [x, y] } of way) node("circle", { class: "stop", cx: x.toFixed(1), cy: y.toFixed(1), r: 4 }, f.inner);
  ask(host, f, points);
});
