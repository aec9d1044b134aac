// Scores over time as stacked bands (or lines, where they do not sum to one), drawn into one SVG. Built by DOM calls alone:
// nothing that came with a recording is ever read as HTML.

function make(tag, attributes = {}, ...children) {
  const svg = ["svg", "path", "line", "g", "rect"].includes(tag);
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

function clock(seconds, digits = 1) {
  const unit = 10 ** digits;
  const total = Math.round(seconds * unit);
  const minutes = Math.floor(total / (60 * unit));
  return `${minutes}:${((total - minutes * 60 * unit) / unit).toFixed(digits).padStart(digits ? digits + 3 : 2, "0")}`;
}

// Chunks may bear a word that is no label of the model, such as for stretches without speech.
const colorOf = (look, label) => look.colors[label] || "#9aa4b2";

const percent = (share) => `${Math.round(100 * share)} %`;

function inkOn(color) {
  const [red, green, blue] = [1, 3, 5].map((start) => parseInt(color.slice(start, start + 2), 16) / 255);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.4 ? "#000" : "#fff";
}

// `edges` has one number more than `columns`; times from `start` to `end` fill the width. The bands pass through the
// columns' means at their middles. A column of null is a gap.
function bandPaths(edges, columns, labels, stacked, start, end) {
  const x = (time) => ((1000 * (time - start)) / (end - start)).toFixed(2);
  const floor = new Array(columns.length).fill(0);
  return labels.map((label, index) => {
    let path = "";
    let tops = [];
    let bases = [];
    const finish = () => {
      if (tops.length) path += stacked ? `M${tops.join("L")}L${bases.reverse().join("L")}Z` : `M${tops.join("L")}`;
      [tops, bases] = [[], []];
    };
    columns.forEach((column, at) => {
      if (!column) return finish();
      const low = stacked ? floor[at] : 0;
      floor[at] = low + column[index];
      const [top, base] = [(300 * (1 - floor[at])).toFixed(2), (300 * (1 - low)).toFixed(2)];
      if (!stacked) floor[at] = 0;
      const times = [(edges[at] + edges[at + 1]) / 2];
      if (!columns[at - 1]) times.unshift(edges[at]);
      if (!columns[at + 1]) times.push(edges[at + 1]);
      for (const time of times) {
        tops.push(`${x(time)} ${top}`);
        bases.push(`${x(time)} ${base}`);
      }
    });
    finish();
    return path;
  });
}

function createBands(look) {
  const paths = look.labels.map((label) =>
    make("path", look.stacked
      ? { fill: look.colors[label], class: "ae-band" }
      : { fill: "none", stroke: look.colors[label], "stroke-width": 2.5, "vector-effect": "non-scaling-stroke" }));
  const svg = make("svg", { viewBox: "0 0 1000 300", preserveAspectRatio: "none", class: "ae-bands", "aria-hidden": "true" }, ...paths);
  return {
    svg,
    draw(edges, columns, start, end) {
      const shapes = bandPaths(edges, columns, look.labels, look.stacked, start, end);
      paths.forEach((path, index) => path.setAttribute("d", shapes[index]));
    },
  };
}

// Each label with its colour and, where a column is shown, its score.
function createLegend(look) {
  const numbers = {};
  const items = look.labels.map((label) => {
    numbers[label] = make("span", { class: "ae-number" });
    const item = make("li", {}, make("span", { class: "ae-swatch", style: `background:${look.colors[label]}` }), label, numbers[label]);
    numbers[label].item = item;
    return item;
  });
  return {
    list: make("ul", { class: "ae-legend", "aria-label": "Emotions at the playhead" }, ...items),
    show(column) {
      const best = column ? column.indexOf(Math.max(...column)) : -1;
      look.labels.forEach((label, index) => {
        numbers[label].textContent = column ? percent(column[index]) : "";
        numbers[label].item.classList.toggle("ae-best", index === best);
      });
    },
  };
}

function niceStep(duration, most) {
  return [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900].find((step) => duration / step <= most) || 1800;
}

function createAxis() {
  const axis = make("div", { class: "ae-axis", "aria-hidden": "true" });
  return {
    axis,
    draw(start, end) {
      const step = niceStep(end - start, axis.clientWidth > 480 ? 12 : 6);
      const ticks = [];
      for (let time = Math.ceil(start / step) * step; time <= end + 1e-6; time += step) {
        const place = (100 * (time - start)) / (end - start);
        if (time >= 0 && place < 98.5) ticks.push(make("span", { style: `left:${place}%` }, clock(time, 0)));
      }
      axis.replaceChildren(...ticks);
    },
  };
}
