// The microphone as blocks of samples, and samples as a WAV file.

async function openMicrophone(onBlock) {
  if (!navigator.mediaDevices) {
    throw new Error("The browser gives the microphone only to pages on this machine (localhost) or over https.");
  }
  let stream;
  try {
    // What would even out loudness or take out breath would take out emotion with it.
    stream = await navigator.mediaDevices.getUserMedia({
      audio: { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false },
    });
  } catch (error) {
    const reasons = {
      NotAllowedError: "The browser was not allowed to use the microphone. Allow it beside the address, and try again.",
      NotFoundError: "No microphone was found. Connect one, and try again.",
    };
    throw new Error(reasons[error.name] || `The microphone cannot be opened: ${error.message}`);
  }
  const context = new AudioContext();
  const code = `registerProcessor("ae-tap", class extends AudioWorkletProcessor {
    process(inputs) { if (inputs[0][0]) this.port.postMessage(inputs[0][0].slice()); return true; }
  });`;
  const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  await context.audioWorklet.addModule(url);
  URL.revokeObjectURL(url);
  const tap = new AudioWorkletNode(context, "ae-tap");
  tap.port.onmessage = (event) => onBlock(event.data);
  context.createMediaStreamSource(stream).connect(tap);
  await context.resume();
  return {
    rate: context.sampleRate,
    close() {
      tap.port.onmessage = null;
      stream.getTracks().forEach((track) => track.stop());
      return context.close();
    },
  };
}

function toPcm(blocks) {
  const pcm = new Int16Array(blocks.reduce((sum, block) => sum + block.length, 0));
  let offset = 0;
  for (const block of blocks) {
    for (const sample of block) pcm[offset++] = Math.max(-32768, Math.min(32767, Math.round(sample * 32767)));
  }
  return pcm;
}

function toWav(blocks, rate) {
  const pcm = toPcm(blocks);
  const head = new DataView(new ArrayBuffer(44));
  const text = (offset, word) => [...word].forEach((letter, index) => head.setUint8(offset + index, letter.charCodeAt(0)));
  text(0, "RIFF"); head.setUint32(4, 36 + pcm.byteLength, true); text(8, "WAVEfmt "); head.setUint32(16, 16, true);
  head.setUint16(20, 1, true); head.setUint16(22, 1, true); head.setUint32(24, rate, true);
  head.setUint32(28, rate * 2, true); head.setUint16(32, 2, true); head.setUint16(34, 16, true);
  text(36, "data"); head.setUint32(40, pcm.byteLength, true);
  return new File([head, pcm], "recording.wav", { type: "audio/wav" });
}

function toBase64(pcm) {
  const bytes = new Uint8Array(pcm.buffer);
  let text = "";
  for (let start = 0; start < bytes.length; start += 0x8000) {
    text += String.fromCharCode(...bytes.subarray(start, start + 0x8000));
  }
  return btoa(text);
}

function levelOf(block) {
  let sum = 0;
  for (const sample of block) sum += sample * sample;
  const decibels = 10 * Math.log10(sum / block.length + 1e-10);
  return Math.max(0, Math.min(1, (decibels + 60) / 60));
}
