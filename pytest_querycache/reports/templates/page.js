"use strict";
// The table of all records and the scatter. Names come from other people's tests: they only ever become text nodes.
(() => {
  const { metrics, verdicts, rows } = JSON.parse(document.getElementById("data").textContent);
  const PAGE = 100;
  const COLUMNS = 24; // a suite may have a metric for each of its tests, of which nobody reads thousands side by side
  const byId = (id) => document.getElementById(id);
  const NAME = 0, VERDICT = 1, NOW = 2, WAS = 3, OWN = 4;

  function make(name, text, className) {
    const element = document.createElement(name);
    if (text !== undefined) element.textContent = text;
    if (className) element.className = className;
    return element;
  }

  // a formatter costs far more to make than to use
  const formats = [0, 1, 2].map(
    (digits) => new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }),
  );
  const significant = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 3 });
  const fixed = (number, digits) => formats[digits].format(number);

  function scaled(value, steps) {
    let [name, size] = steps[0];
    for (const [nextName, nextSize] of steps.slice(1)) {
      if (Math.abs(value) < nextSize) break;
      [name, size] = [nextName, nextSize];
    }
    const number = value / size;
    if (size === 1) return `${fixed(number, 0)} ${name}`;
    return `${fixed(number, Math.abs(number) < 10 ? 2 : Math.abs(number) < 100 ? 1 : 0)} ${name}`;
  }

  function quantity(value, unit) {
    if (unit === "ns") return scaled(value, [["ns", 1], ["µs", 1e3], ["ms", 1e6], ["s", 1e9]]);
    if (unit === "B") return scaled(value, [["B", 1], ["KB", 1024], ["MB", 1024 ** 2], ["GB", 1024 ** 3]]);
    const whole = Number.isInteger(value) || Math.abs(value) >= 100;
    const number = whole ? fixed(value, 0) : significant.format(value);
    return unit === "count" || unit === "" ? number : `${number} ${unit}`;
  }

  // the metrics that any test has are a list; those that a test has for itself stand behind it, by their numbers
  const at = (row, part, index) => {
    const own = row[OWN] && row[OWN].find((each) => each[0] === index);
    const value = own ? own[part - 1] : row[part] && row[part][index];
    return value === undefined ? null : value;
  };

  // ---- the table ------------------------------------------------------------------------------------------

  const table = byId("records"), search = byId("search"), chosen = byId("verdict");
  const gated = metrics.map((metric, index) => (metric.shown ? index : -1)).filter((n) => n >= 0);
  const columns = new Set(gated.slice(0, COLUMNS));
  if (!columns.size) metrics.slice(0, 6).forEach((_, index) => columns.add(index));
  const lowered = rows.map((row) => row[NAME].toLowerCase());
  const state = { key: null, descending: false, shown: PAGE, exact: null, found: [] };

  function sortValue(row) {
    if (state.key === "name") return row[NAME];
    if (state.key === "verdict") return verdicts[row[VERDICT]];
    return at(row, NOW, state.key);
  }

  function compare(left, right) {
    const a = left.value, b = right.value;
    if (a === b) return left.index - right.index;
    if (a === null) return 1; // what was not measured stays last in both directions
    if (b === null) return -1;
    return (a < b ? -1 : 1) * (state.descending ? -1 : 1);
  }

  function select() {
    const terms = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const verdict = chosen.value === "" ? -1 : Number(chosen.value);
    let found = [];
    rows.forEach((row, index) => {
      if (verdict >= 0 && row[VERDICT] !== verdict) return;
      if (state.exact !== null) {
        if (row[NAME] !== state.exact) return;
      } else if (!terms.every((term) => lowered[index].includes(term))) return;
      found.push({ row, index, value: null });
    });
    if (state.key !== null) {
      found.forEach((each) => { each.value = sortValue(each.row); });
      found.sort(compare);
    }
    state.found = found;
  }

  function cell(row, index) {
    const metric = metrics[index], now = at(row, NOW, index), was = at(row, WAS, index);
    const element = make("td", now === null ? "" : quantity(now, metric.unit), "number");
    if (was !== null && now !== null) {
      const ratio = was > 0 && now >= 0 ? ` · ${fixed(now / was, 2)}x` : "";
      element.append(make("span", `${quantity(was, metric.unit)}${ratio}`, "quiet"));
    }
    return element;
  }

  function heading(text, key) {
    const element = make("th", undefined, typeof key === "number" ? "number" : "");
    element.scope = "col";
    const sorted = state.key === key;
    if (sorted) element.setAttribute("aria-sort", state.descending ? "descending" : "ascending");
    const button = make("button", sorted ? `${text} ${state.descending ? "↓" : "↑"}` : text);
    button.type = "button";
    button.addEventListener("click", () => {
      // figures are first asked for by the largest, names by the first
      state.descending = state.key === key ? !state.descending : typeof key === "number";
      state.key = key;
      state.shown = PAGE;
      update();
      table.querySelector(`th:nth-child(${[...element.parentNode.children].indexOf(element) + 1}) button`)?.focus();
    });
    element.append(button);
    return element;
  }

  function draw() {
    const shown = [...columns].sort((a, b) => a - b);
    const head = make("thead"), top = make("tr"), body = make("tbody");
    top.append(heading("test", "name"), heading("verdict", "verdict"));
    shown.forEach((index) => top.append(heading(title(metrics[index]), index)));
    head.append(top);
    for (const { row } of state.found.slice(0, state.shown)) {
      const line = make("tr"), name = make("th");
      name.scope = "row";
      name.append(make("code", row[NAME]));
      line.append(name, make("td", verdicts[row[VERDICT]], tone(row)));
      shown.forEach((index) => line.append(cell(row, index)));
      body.append(line);
    }
    table.replaceChildren(head, body);
    byId("found").textContent = `${fixed(state.found.length, 0)} of ${fixed(rows.length, 0)}`;
    const rest = state.found.length - state.shown;
    byId("more").hidden = rest <= 0;
    byId("more").textContent = `Show ${fixed(Math.min(PAGE, rest), 0)} more of ${fixed(rest, 0)}`;
  }

  function title(metric) {
    const unit = { ns: "time", B: "bytes" }[metric.unit] || metric.unit;
    return ["", "count"].includes(unit) || metric.name.includes(unit) ? metric.name : `${metric.name} (${unit})`;
  }

  function tone(row) {
    const verdict = verdicts[row[VERDICT]];
    if (verdict === "regressed" || verdict === "over budget") return "worse-cell";
    return verdict === "improved" ? "better-cell" : "";
  }

  function update() {
    select();
    draw();
  }

  function filterTo(name) {
    search.value = name;
    chosen.value = "";
    state.exact = name;
    state.shown = PAGE;
    update();
    byId("all").scrollIntoView();
  }

  search.addEventListener("input", () => {
    state.exact = null;
    state.shown = PAGE;
    update();
  });
  chosen.addEventListener("change", () => {
    state.shown = PAGE;
    update();
  });
  byId("more").addEventListener("click", () => {
    state.shown += PAGE;
    draw();
  });
  verdicts.forEach((verdict, index) => {
    const option = make("option", verdict);
    option.value = String(index);
    chosen.append(option);
  });
  metrics.forEach((metric, index) => {
    const label = make("label"), box = make("input");
    box.type = "checkbox";
    box.checked = columns.has(index);
    box.addEventListener("change", () => {
      if (box.checked) columns.add(index);
      else columns.delete(index);
      draw();
    });
    label.append(box, ` ${metric.name}`);
    byId("column-list").append(label);
  });
  byId("controls").hidden = false;
  update();

  // ---- the scatter ----------------------------------------------------------------------------------------

  const both = metrics.map(() => []);
  const keep = (row, index, now, was) => { if (now > 0 && was > 0) both[index].push(row); };
  for (const row of rows) {
    row[NOW].forEach((now, index) => keep(row, index, now, row[WAS] && row[WAS][index]));
    (row[OWN] || []).forEach(([index, now, was]) => keep(row, index, now, was));
  }
  const drawable = metrics.map((_, index) => index).filter((index) => both[index].length > 0);
  if (!drawable.length) return;

  const svg = byId("scatter"), picker = byId("scatter-metric"), said = byId("scatter-said");
  const LEFT = 74, RIGHT = 626, TOP = 14, BOTTOM = 396;
  let points = [], ring = null, current = -1;

  function shape(name, attributes, text) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    return element;
  }

  function ticks(low, high) {
    // powers of ten, thinned out until no more than six remain
    const first = Math.ceil(low), last = Math.floor(high), step = Math.max(1, Math.ceil((last - first + 1) / 6));
    const found = [];
    for (let power = first; power <= last; power += step) found.push(power);
    return found;
  }

  function plot(index) {
    const metric = metrics[index];
    const chosenRows = both[index];
    let low = Infinity, high = -Infinity;
    for (const row of chosenRows) {
      for (const value of [Math.log10(at(row, NOW, index)), Math.log10(at(row, WAS, index))]) {
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
    }
    const margin = Math.max(0.05 * (high - low), 0.1);
    [low, high] = [low - margin, high + margin];
    const x = (value) => LEFT + ((value - low) / (high - low)) * (RIGHT - LEFT);
    const y = (value) => BOTTOM - ((value - low) / (high - low)) * (BOTTOM - TOP);
    const parts = [];
    for (const power of ticks(low, high)) {
      const label = quantity(10 ** power, metric.unit).replace(/\.0+(?= |$)/, "");
      parts.push(shape("line", { x1: x(power), x2: x(power), y1: TOP, y2: BOTTOM }));
      parts.push(shape("line", { x1: LEFT, x2: RIGHT, y1: y(power), y2: y(power) }));
      parts.push(shape("text", { x: x(power), y: BOTTOM + 18, "text-anchor": "middle" }, label));
      parts.push(shape("text", { x: LEFT - 6, y: y(power) + 4, "text-anchor": "end" }, label));
    }
    parts.push(shape("line", { class: "same", x1: x(low), y1: y(low), x2: x(high), y2: y(high) }));
    parts.push(shape("text", { x: (LEFT + RIGHT) / 2, y: BOTTOM + 38, "text-anchor": "middle" }, "baseline"));
    parts.push(shape("text", { x: LEFT + 6, y: TOP + 16 }, "this run"));
    const paths = { other: [], better: [], worse: [] };
    points = chosenRows.map((row) => {
      const kind = { "worse-cell": "worse", "better-cell": "better" }[tone(row)] || "other";
      const point = { row, index, x: x(Math.log10(at(row, WAS, index))), y: y(Math.log10(at(row, NOW, index))) };
      // a line of no length with round ends is a dot: thousands of them cost one element
      paths[kind].push(`M${point.x.toFixed(1)} ${point.y.toFixed(1)}h0`);
      return point;
    });
    points.sort((a, b) => a.x - b.x);
    for (const [kind, strokes] of Object.entries(paths)) {
      if (strokes.length) parts.push(shape("path", { class: kind, d: strokes.join("") }));
    }
    ring = shape("circle", { r: 7, visibility: "hidden" });
    parts.push(ring);
    svg.replaceChildren(...parts);
    current = -1;
  }

  function point(position) {
    current = position;
    if (position < 0) {
      ring.setAttribute("visibility", "hidden");
      return;
    }
    const { row, index, x, y } = points[position], metric = metrics[index];
    ring.setAttribute("cx", x);
    ring.setAttribute("cy", y);
    ring.setAttribute("visibility", "visible");
    const was = at(row, WAS, index), now = at(row, NOW, index);
    said.replaceChildren(
      make("code", row[NAME]),
      ` ${quantity(was, metric.unit)} → ${quantity(now, metric.unit)} (${fixed(now / was, 2)}x), ${verdicts[row[VERDICT]]}`,
    );
  }

  function nearest(event) {
    const box = svg.getBoundingClientRect(), scale = 640 / box.width;
    const x = (event.clientX - box.left) * scale, y = (event.clientY - box.top) * scale;
    let best = -1, distance = 20 * Math.max(1, scale);
    points.forEach((each, position) => {
      const away = Math.hypot(each.x - x, each.y - y);
      if (away < distance) [best, distance] = [position, away];
    });
    return best;
  }

  svg.addEventListener("pointermove", (event) => point(nearest(event)));
  svg.addEventListener("click", (event) => {
    const position = nearest(event);
    if (position >= 0) filterTo(points[position].row[NAME]);
  });
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (step) {
      event.preventDefault();
      point((current + step + points.length + (current < 0 && step < 0 ? 1 : 0)) % points.length);
    } else if (event.key === "Enter" && current >= 0) {
      filterTo(points[current].row[NAME]);
      search.focus();
    }
  });
  drawable.forEach((index) => {
    const option = make("option", metrics[index].name);
    option.value = String(index);
    picker.append(option);
  });
  picker.addEventListener("change", () => plot(Number(picker.value)));
  plot(drawable[0]);
  byId("scatter-part").hidden = byId("scatter-link").hidden = false;
})();
