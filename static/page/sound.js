// The sound of a message: two notes, made by the browser. There is no file to load.

const NOTES = [[659.26, 0], [880, 0.09]]; // hertz (e″, a″), and seconds after the first
const LOUD = 0.12; // of 1: it should not startle
const FADE_S = 0.35;
const GAP_MS = 3_000; // a burst of messages is one sound

let audio = null;
let last = -Infinity;

export function chime() {
  // Browsers let a page sound once the user has touched it, and complain about earlier attempts.
  if (!globalThis.AudioContext || !navigator.userActivation?.hasBeenActive || performance.now() - last < GAP_MS) return;
  last = performance.now();
  audio ??= new AudioContext();
  audio.resume();
  for (const [hertz, after] of NOTES) play(hertz, audio.currentTime + after);
}

function play(hertz, at) {
  const [tone, volume] = [audio.createOscillator(), audio.createGain()];
  tone.frequency.value = hertz;
  volume.gain.setValueAtTime(LOUD, at);
  volume.gain.exponentialRampToValueAtTime(LOUD / 100, at + FADE_S);
  tone.connect(volume).connect(audio.destination);
  tone.start(at);
  tone.stop(at + FADE_S);
}
