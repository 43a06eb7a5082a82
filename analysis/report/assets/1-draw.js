"use strict";
// Drawing with SVG: scales, ticks that a person can read, a frame, and points one can ask.
const NS = "http://www.w3.org/2000/svg";
const read = (id) => JSON.parse(document.getElementById(id).textContent);
const analysis = read("analysis"), data = read("drawings");

function node(name, attributes = {}, parent = null, text = null) {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== null) made.textContent = text;
  if (parent) parent.append(made);
  return made;
}
function element(name, attributes = {}, parent = null, text = null) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== null) made.textContent = text;
  if (parent) parent.append(made);
  return made;
}

// Numbers in words: the same as the tables, which Python wrote.
function three(value) {
  if (value >= 99.95 || value === 0) return value.toFixed(0);
  const digits = Math.max(2 - Math.floor(Math.log10(Math.abs(value))), 0);
  const text = value.toFixed(Math.min(digits, 20));
  return text.includes(".") ? text.replace(/0+$/, "").replace(/\.$/, "") : text;
}
function formatSize(size) {
  if (!Number.isFinite(size)) return "-";
  for (const [scale, suffix] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]])
    if (size >= 0.9995 * scale) return three(size / scale) + suffix;
  return three(size);
}
const trim = (value, digits = 3) => String(Number(Number(value).toPrecision(digits)));
const formatError = (value) => (data.percent ? trim(100 * value) + "%" : trim(value));
const formatShare = (value) => (value > 0 ? "+" : value < 0 ? "−" : "") + trim(Math.abs(100 * value)) + "%";
const formatCount = (n) => Number(n).toLocaleString("en-US");
const known = (n) => (n === null || n < 0 ? null : n);
const label = (n) => (n === null ? "all runs" : `${formatCount(n)} examples`);

function logTicks(low, high, most) {
  const steps = [[1, 1.5, 2, 3, 4, 5, 6, 7, 8], [1, 2, 3, 5, 7], [1, 2, 5], [1, 3], [1]];
  const first = Math.floor(Math.log10(low)) - 1, last = Math.ceil(Math.log10(high)) + 1;
  let inside = [];
  for (const step of steps) {
    inside = [];
    for (let d = first; d <= last; d++)
      for (const s of step) {
        const tick = Number(`${s}e${d}`);
        if (tick >= low * 0.999 && tick <= high * 1.001) inside.push(tick);
      }
    if (inside.length <= most) break;
  }
  while (inside.length > most) inside = inside.filter((_, k) => k % 2 === 0);
  return inside;
}
function evenTicks(low, high, most) {
  const raw = (high - low) / Math.max(most, 1), power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((s) => s * power).find((s) => s >= raw * 0.999);
  const ticks = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) ticks.push(Number((k * step).toPrecision(12)));
  return ticks;
}
function scale(low, high, from, to, log) {
  const f = log ? Math.log : (v) => v, a = f(low), b = f(high);
  return (value) => from + ((f(value) - a) / (b - a || 1)) * (to - from);
}

// A frame: axes with their titles. x, y: {low, high, log, format, title, most, ticks}.
function frame(host, { height, x, y, name, right = 16, left = 56, keys = true }) {
  const width = Math.max(host.clientWidth, 240), top = 26, bottom = 46;
  host.querySelector("svg")?.remove();
  const svg = node("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": name });
  if (keys) svg.setAttribute("tabindex", "0");
  host.prepend(svg);
  const box = { left, right: width - right, top, bottom: height - bottom };
  const sx = scale(x.low, x.high, box.left, box.right, x.log), sy = scale(y.low, y.high, box.bottom, box.top, y.log);
  const axis = node("g", { class: "axis", "aria-hidden": "true" }, svg);
  const yTicks = y.ticks ?? (y.log ? logTicks : evenTicks)(y.low, y.high, y.most ?? 7);
  for (const tick of yTicks) {
    const at = sy(tick);
    node("line", { class: "gridline", x1: box.left, x2: box.right, y1: at, y2: at }, axis);
    node("text", { x: box.left - 8, y: at + 4, "text-anchor": "end" }, axis, y.format(tick));
  }
  node("line", { class: "base", x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom }, axis);
  const room = Math.max(2, Math.floor((box.right - box.left) / 62));
  const xTicks = x.ticks ?? (x.log ? logTicks : evenTicks)(x.low, x.high, Math.min(x.most ?? 8, room));
  for (const tick of xTicks) {
    const at = sx(tick);
    node("line", { class: "base", x1: at, x2: at, y1: box.bottom, y2: box.bottom + 4 }, axis);
    node("text", { x: at, y: box.bottom + 18, "text-anchor": "middle" }, axis, x.format(tick));
  }
  node("text", { class: "title", x: (box.left + box.right) / 2, y: height - 8, "text-anchor": "middle" }, axis, x.title);
  node("text", { class: "title", x: 0, y: 12 }, axis, y.title);
  const id = `clip-${frame.count = (frame.count ?? 0) + 1}`;
  const clip = node("clipPath", { id }, svg);
  node("rect", { x: box.left - 1, y: box.top - 6, width: box.right - box.left + 2, height: box.bottom - box.top + 7 }, clip);
  const inner = node("g", { "clip-path": `url(#${id})` }, svg);
  return { svg, inner, sx, sy, box, width, height };
}
const path = (xs, ys, f) => xs.map((x, k) => `${k ? "L" : "M"}${f.sx(x).toFixed(1)} ${f.sy(ys[k]).toFixed(1)}`).join("");
const band = (xs, low, high, f) =>
  path(xs, high, f) + xs.map((_, k) => xs.length - 1 - k).map((k) => `L${f.sx(xs[k]).toFixed(1)} ${f.sy(low[k]).toFixed(1)}`).join("") + "Z";
const SHAPES = ["circle", "square", "diamond", "down", "up", "pentagon", "left", "right"];
function shape(kind, x, y, r) {
  if (kind === "circle") return `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0Z`;
  const corners = { square: [4, 45], diamond: [4, 0], down: [3, 90], up: [3, -90], pentagon: [5, -90], left: [3, 180], right: [3, 0] }[kind] ?? null;
  if (corners) return polygon(x, y, r * 1.2, ...corners);
  if (kind === "star") {
    let d = "";
    for (let k = 0; k < 10; k++) {
      const a = (Math.PI / 180) * (-90 + 36 * k), q = k % 2 ? r * 0.42 : r;
      d += `${k ? "L" : "M"}${(x + q * Math.cos(a)).toFixed(2)} ${(y + q * Math.sin(a)).toFixed(2)}`;
    }
    return d + "Z";
  }
  const c = r * 0.36; // a cross
  return `M${x - r} ${y - r + c}l${c} ${-c}l${r - c} ${r - c}l${r - c} ${-(r - c)}l${c} ${c}l${-(r - c)} ${r - c}l${r - c} ${r - c}l${-c} ${c}l${-(r - c)} ${-(r - c)}l${-(r - c)} ${r - c}l${-c} ${-c}l${r - c} ${-(r - c)}Z`;
}
function polygon(x, y, r, n, from) {
  let d = "";
  for (let k = 0; k < n; k++) {
    const a = (Math.PI / 180) * (from + (360 / n) * k);
    d += `${k ? "L" : "M"}${(x + r * Math.cos(a)).toFixed(2)} ${(y + r * Math.sin(a)).toFixed(2)}`;
  }
  return d + "Z";
}
const tone = (k, n) => `--t:${n > 1 ? (k / (n - 1)).toFixed(3) : 0.85}`;
function spread(at, gap, low, high) {
  const order = at.map((_, k) => k).sort((a, b) => at[a] - at[b]), placed = order.map((k) => at[k]);
  for (let round = 0; round < 200; round++) {
    let moved = false;
    for (let k = 0; k + 1 < placed.length; k++) {
      const lack = gap - (placed[k + 1] - placed[k]);
      if (lack > 1e-6) { placed[k] -= lack / 2; placed[k + 1] += lack / 2; moved = true; }
    }
    const up = Math.max(low - placed[0], 0), down = Math.max(placed[placed.length - 1] - high, 0);
    for (let k = 0; k < placed.length; k++) placed[k] += up - down;
    if (!moved) break;
  }
  const result = [];
  order.forEach((k, place) => (result[k] = placed[place]));
  return result;
}

// Which mark is which dataset size, above the right end of a frame; narrow frames have the chips.
function legend(f, shown) {
  const sizes = lead.curves.map((c) => c.n).filter((n) => shown.has(n));
  if (sizes.length < 2 || f.width < 520) return;
  const group = node("g", { "aria-hidden": "true" }, f.svg);
  let x = f.box.right;
  node("text", { class: "title", x, y: 12, "text-anchor": "end", fill: "var(--soft)" }, group, "examples");
  x -= 72;
  for (const n of [...sizes].reverse()) {
    const text = formatCount(n), wide = 8 * text.length;
    node("text", { x, y: 12, "text-anchor": "end", fill: "var(--ink)" }, group, text);
    node("path", { class: "cell", d: shape(SHAPES[ranks.get(n) % SHAPES.length], x - wide - 8, 8, 3.6) }, node("g", { class: "series", style: toneOf(n) }, group));
    x -= wide + 30;
  }
}

// Points one can ask, by pointer or with the arrow keys. points: {x, y (pixels), row, text}.
function ask(host, f, points) {
  const tip = host.querySelector(".tip") ?? element("div", { class: "tip", hidden: "", role: "presentation" }, host);
  const said = host.querySelector(".said") ?? element("div", { class: "said", "aria-live": "polite" }, host);
  const halo = node("circle", { class: "halo", r: 8, visibility: "hidden" }, f.svg);
  let chosen = -1;
  tip.hidden = true;
  const hide = () => { tip.hidden = true; halo.setAttribute("visibility", "hidden"); chosen = -1; };
  const show = (k, aloud) => {
    chosen = k;
    const point = points[k], ratio = host.clientWidth / f.width;
    tip.textContent = point.text;
    tip.hidden = false;
    halo.setAttribute("cx", point.x); halo.setAttribute("cy", point.y); halo.setAttribute("visibility", "visible");
    const wide = tip.offsetWidth, tall = tip.offsetHeight;
    const left = Math.min(Math.max(point.x * ratio - wide / 2, 0), host.clientWidth - wide);
    const above = point.y * ratio - tall - 14;
    tip.style.left = `${left}px`;
    tip.style.top = `${above >= -20 ? above : point.y * ratio + 16}px`;
    if (aloud) said.textContent = point.text;
  };
  const nearest = (event) => {
    const frameBox = f.svg.getBoundingClientRect(), ratio = f.width / frameBox.width;
    const px = (event.clientX - frameBox.left) * ratio, py = (event.clientY - frameBox.top) * ratio;
    let best = -1, least = 26 ** 2;
    points.forEach((p, k) => {
      const d = (p.x - px) ** 2 + (p.y - py) ** 2 + (p.minor ? 16 : 0);
      if (d < least) { least = d; best = k; }
    });
    return best;
  };
  const follow = (event) => { const k = nearest(event); if (k < 0) hide(); else if (k !== chosen || tip.hidden) show(k, false); };
  f.svg.addEventListener("pointermove", follow);
  f.svg.addEventListener("pointerdown", follow);
  f.svg.addEventListener("pointerleave", (event) => { if (event.pointerType !== "touch") hide(); });
  f.svg.addEventListener("blur", hide);
  const main = points.map((p, k) => [p, k]).filter(([p]) => !p.minor);
  const rows = [...new Set(main.map(([p]) => p.row))];
  f.svg.addEventListener("keydown", (event) => {
    if (event.key === "Escape") return hide();
    if (!["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"].includes(event.key) || !main.length) return;
    event.preventDefault();
    let now = chosen >= 0 && !points[chosen].minor ? points[chosen] : null;
    let row = now ? rows.indexOf(now.row) : rows.length - 1;
    if (now && event.key === "ArrowUp") row = Math.max(row - 1, 0);
    if (now && event.key === "ArrowDown") row = Math.min(row + 1, rows.length - 1);
    const line = main.filter(([p]) => p.row === rows[row]).sort((a, b) => a[0].x - b[0].x || a[0].y - b[0].y);
    let place = now ? line.findIndex(([, k]) => k === chosen) : -1;
    if (event.key === "Home" || (!now && event.key !== "ArrowLeft")) place = 0;
    else if (event.key === "End" || !now) place = line.length - 1;
    else if (event.key === "ArrowLeft") place = Math.max(place - 1, 0);
    else if (event.key === "ArrowRight") place = Math.min(place + 1, line.length - 1);
    else place = line.reduce((best, [p], k) => (Math.abs(p.x - now.x) < Math.abs(line[best][0].x - now.x) ? k : best), 0);
    show(line[place][1], true);
  });
}

// A drawing is made again when its width changes.
const drawn = [];
function draw(name, make) {
  for (const host of document.querySelectorAll(`[data-draw="${name}"]`)) {
    let width = 0;
    const again = (force) => {
      if (!force && Math.abs(host.clientWidth - width) < 2) return;
      width = host.clientWidth;
      if (width) make(host);
    };
    drawn.push(again);
    new ResizeObserver(() => again(false)).observe(host);
    again(true);
  }
}
const span = (values, room = 1.12) => {
  const known = values.filter((v) => Number.isFinite(v) && v > 0);
  const low = Math.min(...known), high = Math.max(...known);
  const factor = high / low < 1.05 ? 1.25 : room;
  return [low / factor, high * factor];
};
