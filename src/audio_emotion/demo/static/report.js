// What was heard in one recording: player, timeline with playhead, shares, chunks, downloads.

function createReport(report, look, audioUrl) {
  const audio = make("audio", { src: audioUrl, preload: "auto" });
  const bands = createBands(look);
  const legend = createLegend(look);
  const ruler = createAxis();
  const line = make("div", { class: "ae-line" });
  const hover = make("div", { class: "ae-hover", hidden: true });
  const stage = make("div", {
    class: "ae-stage", role: "slider", tabindex: "0", "aria-label": "Position in the recording",
    "aria-valuemin": "0", "aria-valuemax": report.duration_s.toFixed(2),
  }, bands.svg, createStrip(report, look), createWaveform(report), line, hover);
  const play = make("button", { class: "ae-play", type: "button", "aria-label": "Play" });
  const time = make("span", { class: "ae-time" });
  const note = make("p", { class: "ae-note", role: "status", hidden: true });
  const rows = createRows(report, look, seek);
  let position = 0;

  function columnAt(seconds) {
    let low = 0;
    let high = report.columns.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (report.edges_s[middle] <= seconds) low = middle; else high = middle - 1;
    }
    return report.columns[low];
  }

  function leading(column) {
    const best = column.indexOf(Math.max(...column));
    return `${look.labels[best]} ${percent(column[best])}`;
  }

  function show(seconds) {
    position = Math.max(0, Math.min(report.duration_s, seconds));
    const column = columnAt(position);
    line.style.left = `${(100 * position) / report.duration_s}%`;
    stage.setAttribute("aria-valuenow", position.toFixed(2));
    stage.setAttribute("aria-valuetext", `${clock(position)}: ${leading(column)}`);
    time.textContent = `${clock(position)} / ${clock(report.duration_s)}`;
    legend.show(column);
    rows.mark(position);
  }

  function seek(seconds) {
    show(seconds);
    if (audio.readyState > 0) audio.currentTime = position;
  }

  function follow() {
    show(audio.currentTime);
    if (!audio.paused && element.isConnected) requestAnimationFrame(follow);
  }

  function toggle() {
    if (!audio.paused) { audio.pause(); return; }
    if (position >= report.duration_s - 0.05) seek(0);
    audio.play().catch(() => {});
  }

  audio.addEventListener("loadedmetadata", () => { audio.currentTime = position; });
  audio.addEventListener("play", () => { play.classList.add("ae-playing"); play.setAttribute("aria-label", "Pause"); follow(); });
  audio.addEventListener("pause", () => { play.classList.remove("ae-playing"); play.setAttribute("aria-label", "Play"); });
  audio.addEventListener("error", () => {
    play.disabled = true;
    note.hidden = false;
    note.textContent = "This browser cannot play the file's format. The analysis is complete all the same.";
  });
  play.addEventListener("click", toggle);

  const secondsAt = (event) => {
    const box = stage.getBoundingClientRect();
    return (Math.max(0, Math.min(1, (event.clientX - box.left) / box.width))) * report.duration_s;
  };
  stage.addEventListener("pointerdown", (event) => { stage.setPointerCapture(event.pointerId); seek(secondsAt(event)); });
  stage.addEventListener("pointermove", (event) => {
    const seconds = secondsAt(event);
    if (event.buttons) seek(seconds);
    hover.hidden = event.pointerType === "touch";
    hover.textContent = `${clock(seconds)}  ${leading(columnAt(seconds))}`;
    hover.style.left = `${(100 * seconds) / report.duration_s}%`;
    hover.classList.toggle("ae-left", seconds > report.duration_s / 2);
  });
  stage.addEventListener("pointerleave", () => { hover.hidden = true; });
  stage.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 };
    if (event.key in steps) seek(position + steps[event.key]);
    else if (event.key === "Home") seek(0);
    else if (event.key === "End") seek(report.duration_s);
    else if (event.key === " " || event.key === "Enter") toggle();
    else return;
    event.preventDefault();
  });

  const strongest = report.scores[0];
  const element = make("article", { class: "ae-report", "aria-label": `Report on ${report.name}` },
    make("div", { class: "ae-title" },
      make("div", {}, make("h2", {}, report.name), make("p", {}, "As a whole: ", make("strong", {}, strongest.label), ` ${percent(strongest.score)}`,
        ...report.scores.slice(1, 3).map((entry) => `, ${entry.label} ${percent(entry.score)}`))),
      createDownloads(report)),
    make("div", { class: "ae-player" }, play, time, make("span", { class: "ae-hint" }, "Click the timeline to listen there")), note,
    make("figure", { class: "ae-timeline" }, stage, ruler.axis, legend.list, audio),
    make("div", { class: "ae-columns" }, createShares(report, look), rows.section));
  const strip = stage.querySelector(".ae-strip");
  const resized = new ResizeObserver(() => {
    ruler.draw(0, report.duration_s);
    for (const chunk of strip.children) chunk.classList.toggle("ae-narrow", chunk.clientWidth < 8 * chunk.textContent.length + 14);
  });
  resized.observe(ruler.axis);
  bands.draw(report.edges_s, report.columns, 0, report.duration_s);
  show(0);
  return { element, close() { audio.pause(); audio.removeAttribute("src"); resized.disconnect(); URL.revokeObjectURL(audioUrl); } };
}

function createStrip(report, look) {
  return make("div", { class: "ae-strip", "aria-hidden": "true" }, ...report.chunks.map((chunk) => {
    const [start, end] = chunk.timestamp;
    const color = colorOf(look, chunk.label);
    return make("span", {
      style: `left:${(100 * start) / report.duration_s}%;width:${(100 * (end - start)) / report.duration_s}%;background:${color};color:${inkOn(color)}`,
    }, chunk.label);
  }));
}

function createWaveform(report) {
  const loudest = Math.max(1e-3, ...report.peaks.map(([low, high]) => Math.max(-low, high)));
  const width = 1000 / report.peaks.length;
  const shape = report.peaks.map(([low, high], index) => {
    const [top, bottom] = [(50 - (48 * high) / loudest).toFixed(1), (50 - (48 * low) / loudest + 0.6).toFixed(1)];
    return `M${(index * width).toFixed(1)} ${top}h${(0.7 * width).toFixed(1)}V${bottom}h${(-0.7 * width).toFixed(1)}Z`;
  });
  return make("svg", { viewBox: "0 0 1000 100", preserveAspectRatio: "none", class: "ae-wave", "aria-hidden": "true" },
    make("path", { d: shape.join("") }));
}

function createShares(report, look) {
  const rows = report.shares.map(({ label, share }) => make("li", {},
    make("span", { class: "ae-name" }, label),
    make("span", { class: "ae-bar" }, make("span", { style: `width:${100 * share}%;background:${look.colors[label]}` })),
    make("span", { class: "ae-number" }, percent(share))));
  return make("section", { class: "ae-shares" }, make("h3", {}, "On average"), make("ul", {}, ...rows));
}

function createRows(report, look, seek) {
  const rows = report.chunks.map((chunk) => {
    const [start, end] = chunk.timestamp;
    const go = make("button", { type: "button", "aria-label": `Go to ${clock(start)}`, on: { click: () => seek(start) } }, `${clock(start)} – ${clock(end)}`);
    const then = Object.entries(chunk.scores || {}).sort((one, other) => other[1] - one[1]).slice(1, 3);
    return make("tr", {}, make("td", {}, go),
      make("td", {}, make("span", { class: "ae-swatch", style: `background:${colorOf(look, chunk.label)}` }), chunk.label),
      make("td", { class: "ae-number" }, percent(chunk.score)),
      make("td", { class: "ae-then" }, then.map(([label, score]) => `${label} ${percent(score)}`).join(", ")));
  });
  const head = make("tr", {}, ...["When", "Emotion", "Score", "Then"].map((word) => make("th", { scope: "col" }, word)));
  const section = make("section", { class: "ae-chunks" }, make("h3", {}, "Chunks"),
    make("div", { class: "ae-scroll" }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows))));
  return {
    section,
    mark(seconds) {
      report.chunks.forEach(({ timestamp: [start, end] }, index) => rows[index].classList.toggle("ae-now", start <= seconds && seconds < end));
    },
  };
}

const FORMAT_NAMES = { json: "JSON", jsonl: "JSONL", csv: "CSV", textgrid: "TextGrid", audacity: "Audacity", rttm: "RTTM", webvtt: "WebVTT", vtt: "WebVTT", png: "PNG" };

function createDownloads(report) {
  return make("div", { class: "ae-downloads", role: "group", "aria-label": "Downloads" }, ...report.downloads.map((download) => {
    const save = () => {
      const parts = download.base64 ? [Uint8Array.from(atob(download.base64), (letter) => letter.charCodeAt(0))] : [download.text];
      const url = URL.createObjectURL(new Blob(parts, { type: download.base64 ? "image/png" : "text/plain;charset=utf-8" }));
      make("a", { href: url, download: download.file }).click();
      setTimeout(() => URL.revokeObjectURL(url), 10_000);
    };
    return make("button", { type: "button", title: `Download ${download.file}`, on: { click: save } }, FORMAT_NAMES[download.format] || download.format);
  }));
}
