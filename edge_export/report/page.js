"use strict";

// The table: sort by a button in its head, show only the rows that the three fields let through.
const body = document.querySelector("#table tbody");
const heads = [...document.querySelectorAll("#table thead th")];
const rows = [...body.rows];
const text = new Intl.Collator("en", { numeric: true });

function value(row, index) {
  const cell = row.cells[index];
  if (!heads[index].classList.contains("number")) return cell.textContent.trim();
  return cell.dataset.value === "" ? null : Number(cell.dataset.value);
}

function compare(a, b) {
  return typeof a === "number" ? a - b : text.compare(a, b);
}

function sort(index) {
  const down = heads[index].getAttribute("aria-sort") === "ascending";
  heads.forEach((head, at) => head.setAttribute("aria-sort", at !== index ? "none" : down ? "descending" : "ascending"));
  const known = rows.filter((row) => value(row, index) !== null);
  const unknown = rows.filter((row) => value(row, index) === null); // always at the end
  known.sort((a, b) => (down ? -1 : 1) * compare(value(a, index), value(b, index)));
  body.append(...known, ...unknown);
}

heads.forEach((head, index) => head.firstElementChild.addEventListener("click", () => sort(index)));

const find = document.querySelector("#find");
const ofMember = document.querySelector("#of-member");
const ofStatus = document.querySelector("#of-status");

function filter() {
  const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of rows) {
    const all = row.textContent.toLowerCase();
    const fits = words.every((word) => all.includes(word))
      && (!ofMember.value || row.dataset.member === ofMember.value)
      && (!ofStatus.value || row.dataset.status === ofStatus.value);
    row.hidden = !fits;
    shown += fits;
  }
  document.querySelector("#shown").value = `${shown} of ${rows.length}`;
}

for (const field of [find, ofMember, ofStatus]) field.addEventListener("input", filter);

// The players: all tracks of an excerpt run in step, each through a gain of its own; choosing one only moves gains.
const FADE = 0.008; // seconds: too short to hear, long enough not to click
let context = null;
let playing = null;

function bytes(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)).buffer;
}

class Player {
  constructor(box) {
    this.box = box;
    this.seconds = Number(box.dataset.seconds);
    this.inputs = [...box.querySelectorAll("input[type=radio]")];
    this.button = box.querySelector(".play");
    this.range = box.querySelector("input[type=range]");
    this.time = box.querySelector(".time"); // no output element: screen readers would read it all the time
    this.position = 0;
    this.sources = [];
    this.gains = [];
    this.button.addEventListener("click", () => (playing === this ? this.stop() : this.start()));
    this.range.addEventListener("input", () => this.seek(Number(this.range.value)));
    this.inputs.forEach((input) => input.addEventListener("change", () => this.choose()));
    box.addEventListener("keydown", (event) => {
      if (event.key === " " && event.target !== this.button) {
        event.preventDefault();
        this.button.click();
      }
    });
    this.show();
  }

  async decode() {
    context ??= new AudioContext();
    await context.resume();
    this.buffers ??= await Promise.all(this.inputs.map((input) => context.decodeAudioData(bytes(input.dataset.flac))));
  }

  async start() {
    if (playing) playing.stop();
    playing = this;
    this.button.textContent = "Pause";
    await this.decode();
    if (playing !== this) return; // paused while it was decoded
    if (this.position >= this.seconds) this.position = 0;
    this.began = context.currentTime + 0.03 - this.position;
    this.gains = this.inputs.map((input) => new GainNode(context, { gain: input.checked ? 1 : 0 }));
    this.sources = this.buffers.map((buffer) => new AudioBufferSourceNode(context, { buffer }));
    this.sources.forEach((source, index) => {
      source.connect(this.gains[index]).connect(context.destination);
      source.start(this.began + this.position, this.position);
    });
    this.tick();
  }

  stop() {
    this.sources.forEach((source) => source.stop());
    this.sources = [];
    if (playing === this) playing = null;
    this.button.textContent = "Play";
  }

  seek(position) {
    const was = playing === this;
    if (was) this.stop();
    this.position = position;
    this.show();
    if (was) this.start();
  }

  choose() {
    this.gains.forEach((gain, index) => {
      gain.gain.setTargetAtTime(this.inputs[index].checked ? 1 : 0, context.currentTime, FADE);
    });
  }

  tick() {
    if (playing !== this || !this.sources.length) return;
    this.position = Math.min(this.seconds, Math.max(0, context.currentTime - this.began));
    this.show();
    if (this.position >= this.seconds) this.stop();
    else requestAnimationFrame(() => this.tick());
  }

  show() {
    this.range.value = this.position;
    this.time.textContent = `${this.position.toFixed(1)} s`;
    this.range.setAttribute("aria-valuetext", this.time.textContent);
    this.box.style.setProperty("--played", this.position / this.seconds);
  }
}

const players = [...document.querySelectorAll(".excerpt")].map((box) => new Player(box));
