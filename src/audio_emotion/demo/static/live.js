// The Live tab: blocks of the microphone go to the server one after the other, final frames come back.

const SHOWN_S = 20;
const BLOCK_S = 0.25;
const MOST_BEHIND_S = 6;
const look = props.look;
const bands = createBands(look);
const legend = createLegend(look);
const ruler = createAxis();
const toggle = make("button", { type: "button", class: "ae-button ae-primary" }, "Start listening");
const level = make("div", { class: "ae-level", hidden: true }, make("span"));
const word = make("div", { class: "ae-word", "aria-live": "polite" }, "Silent");
const detail = make("p", { class: "ae-limits" }, "The microphone's sound goes to this page's server alone, and is not kept.");
const problem = make("div", { class: "ae-problem", role: "alert", hidden: true });
const stage = make("div", { class: "ae-stage ae-live-stage" }, bands.svg);
element.replaceChildren(
  make("div", { class: "ae-drop" }, make("div", { class: "ae-actions" }, toggle), level, detail), problem,
  make("div", { class: "ae-report ae-live" }, word, make("figure", { class: "ae-timeline" }, stage, ruler.axis, legend.list)));
new ResizeObserver(() => draw()).observe(ruler.axis);

let microphone = null;
let turn = 0;
let waiting = [];
let isSending = false;
let isFirst = true;
let isStopping = false;
let frames = []; // sparse where sound was left out
let firstFrame = 0; // where the ear that the server has now began
let framePeriod = 0.02;
let captured = 0; // samples since the start
let rate = 48000;
let said = "";

function fail(message) {
  problem.textContent = message;
  problem.hidden = false;
  if (microphone) microphone.close();
  microphone = null;
  isSending = false;
  showStopped();
}

function showStopped() {
  toggle.textContent = "Start listening";
  toggle.classList.remove("ae-recording");
  level.hidden = true;
}

// One block is on its way at a time; what gathers meanwhile goes with the next, so that order and load keep themselves.
function send(isLast = false) {
  let samples = waiting.reduce((sum, block) => sum + block.length, 0);
  if (!microphone || isSending || (!isLast && samples < BLOCK_S * rate)) return;
  if (samples > MOST_BEHIND_S * rate) { // what is shown must be live: leave out what the machine has no time for
    while (samples > rate) samples -= waiting.shift().length;
    isFirst = true;
  }
  if (isFirst) firstFrame = Math.round((captured - samples) / rate / framePeriod);
  const pcm = toBase64(toPcm(waiting));
  waiting = [];
  isSending = true;
  trigger("block", { pcm, rate, turn, is_first: isFirst, is_last: isLast });
  isFirst = false;
  if (isLast) { microphone.close(); microphone = null; }
}

toggle.addEventListener("click", async () => {
  if (microphone) {
    isStopping = true;
    showStopped();
    send(true);
    return;
  }
  problem.hidden = true;
  turn += 1;
  [waiting, frames, captured, isFirst, isSending, isStopping] = [[], [], 0, true, false, false];
  try {
    microphone = await openMicrophone((block) => {
      if (isStopping) return;
      waiting.push(block);
      captured += block.length;
      level.firstChild.style.transform = `scaleX(${levelOf(block)})`;
      send();
    });
    rate = microphone.rate;
    toggle.textContent = "Stop";
    toggle.classList.add("ae-recording");
    level.hidden = false;
  } catch (error) {
    fail(error.message);
  }
});

function draw() {
  const end = Math.max(captured / rate, SHOWN_S);
  const start = end - SHOWN_S;
  const step = 5; // of frames: a tenth of a second
  const first = Math.max(0, Math.floor(start / framePeriod / step) * step);
  const [edges, columns] = [[first * framePeriod], []];
  for (let at = first; at + step <= frames.length; at += step) {
    const some = frames.slice(at, at + step);
    columns.push(some.includes(undefined) ? null : look.labels.map((_, index) => some.reduce((sum, frame) => sum + frame[index], 0) / step));
    edges.push((at + step) * framePeriod);
  }
  bands.draw(edges, columns, start, end);
  ruler.draw(start, end);
  const latest = columns[columns.length - 1];
  legend.show(latest);
  if (!latest) return;
  detail.textContent = `${Math.max(0, captured / rate - frames.length * framePeriod).toFixed(1)} s behind the microphone. Its sound is not kept.`;
  const best = latest.indexOf(Math.max(...latest));
  if (look.labels[best] !== said) {
    said = look.labels[best];
    word.textContent = said;
    word.style.setProperty("--ae-said", look.colors[said]);
  }
}

watch("value", () => {
  const answer = props.value;
  if (!answer || answer.turn !== turn) return;
  isSending = false;
  if (answer.error) return fail(answer.error);
  framePeriod = answer.frame_period_s;
  const at = firstFrame + Math.round(answer.start_s / framePeriod);
  answer.frames.forEach((frame, index) => { frames[at + index] = frame; });
  draw();
  send(isStopping);
});
