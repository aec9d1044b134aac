// The Recording tab: choose, drop or record; wait; read the report.

const look = props.look;
const input = make("input", { type: "file", accept: "audio/*,.flac,.opus,.ogg,.wav,.mp3,.m4a,.webm", id: "ae-file" });
const choose = make("label", { for: "ae-file", class: "ae-button ae-primary" }, "Choose a recording");
const record = make("button", { type: "button", class: "ae-button" }, "Record");
const example = make("button", { type: "button", class: "ae-button ae-quiet" }, "Hear the example");
const limits = make("p", { class: "ae-limits" }, `or drop a file here: WAV, FLAC, OGG, Opus or MP3, up to ${look.max_minutes} minutes and ${look.max_mb} MB`);
const level = make("div", { class: "ae-level", hidden: true }, make("span"));
const drop = make("div", { class: "ae-drop" }, make("div", { class: "ae-actions" }, input, choose, record, example), level, limits);
const status = make("div", { class: "ae-status", role: "status", hidden: true }, make("span"), make("progress", { max: "1" }));
const problem = make("div", { class: "ae-problem", role: "alert", hidden: true });
const place = make("div");
element.replaceChildren(drop, status, problem, place);

let report = null;
let audioUrl = null;
let microphone = null;
let blocks = [];
let turn = 0;

function fail(message) {
  problem.textContent = message;
  problem.hidden = false;
  wait(null);
}

// A step with no known length shows a bar that only moves.
function wait(text, fraction = null) {
  status.hidden = text === null;
  drop.classList.toggle("ae-busy", text !== null);
  for (const button of [record, example]) button.disabled = text !== null;
  input.disabled = text !== null;
  if (text === null) return;
  status.firstChild.textContent = text;
  if (fraction === null) status.lastChild.removeAttribute("value"); else status.lastChild.value = fraction;
}

function begin() {
  turn += 1;
  problem.hidden = true;
  if (report) report.close();
  report = null;
  audioUrl = null;
  place.replaceChildren();
}

async function hear(file) {
  begin();
  if (file.size === 0) return fail(`${file.name} is empty: 0 bytes. Choose an audio file.`);
  if (file.size > look.max_mb * 1e6) {
    return fail(`${file.name} has ${(file.size / 1e6).toFixed(1)} MB; this page takes files of up to ${look.max_mb} MB. Cut it, or save it as FLAC or MP3.`);
  }
  wait("Sending the recording");
  try {
    // The server keeps one file for one name and content, and deletes it once heard: a name of our own keeps visitors apart.
    const own = `${Date.now()}-${Math.random().toString(36).slice(2)}`;
    const { path } = await upload(new File([file], own, { type: file.type }));
    audioUrl = URL.createObjectURL(file);
    wait("Waiting for its turn");
    trigger("hear", { path, name: file.name, turn });
  } catch (error) {
    fail(`The recording could not be sent: ${error.message || error}`);
  }
}

input.addEventListener("change", () => {
  if (input.files[0]) hear(input.files[0]);
  input.value = "";
});
example.addEventListener("click", () => { begin(); wait("Waiting for its turn"); trigger("example", { turn }); });

record.addEventListener("click", async () => {
  if (microphone) return stopRecording();
  begin();
  blocks = [];
  try {
    microphone = await openMicrophone((block) => {
      blocks.push(block);
      const seconds = blocks.reduce((sum, one) => sum + one.length, 0) / microphone.rate;
      level.firstChild.style.transform = `scaleX(${levelOf(block)})`;
      record.textContent = `Stop  ${clock(seconds)}`;
      if (seconds >= look.max_minutes * 60 - 1 || 2 * seconds * microphone.rate > look.max_mb * 1e6 - 1e4) stopRecording();
    });
    record.classList.add("ae-recording");
    level.hidden = false;
  } catch (error) {
    fail(error.message);
  }
});

async function stopRecording() {
  const { rate } = microphone;
  await microphone.close();
  microphone = null;
  record.textContent = "Record";
  record.classList.remove("ae-recording");
  level.hidden = true;
  if (blocks.length) hear(toWav(blocks, rate));
}

for (const type of ["dragenter", "dragover"]) {
  drop.addEventListener(type, (event) => { event.preventDefault(); drop.classList.add("ae-over"); });
}
for (const type of ["dragleave", "drop"]) drop.addEventListener(type, () => drop.classList.remove("ae-over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  if (event.dataTransfer.files[0] && !input.disabled) hear(event.dataTransfer.files[0]);
});

watch("value", () => {
  const answer = props.value;
  if (!answer || answer.turn !== turn) return;
  if (answer.error) return fail(answer.error);
  if (answer.chunks) {
    wait(null);
    if (answer.audio) {
      const bytes = Uint8Array.from(atob(answer.audio), (letter) => letter.charCodeAt(0));
      audioUrl = URL.createObjectURL(new Blob([bytes], { type: "audio/flac" }));
    }
    report = createReport(answer, look, audioUrl);
    place.replaceChildren(report.element);
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    report.element.scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "nearest" });
  } else {
    wait(answer.progress > 0 ? `Listening: ${percent(answer.progress)}` : "Listening", answer.progress || null);
  }
});
