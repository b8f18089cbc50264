// The players run side by side from one clock, and one is let through: so a switch keeps the place.
// Every switch dips to silence and back, also from a take to itself, so that X is not given away.
(() => {
  const DIP = 0.024, CONSTANT = 0.004; // seconds: of a dip, and of its exponential
  const listen = document.getElementById("listen"), by = (id) => document.getElementById(id);
  const length = +listen.dataset.seconds, players = [...listen.querySelectorAll("audio")];
  const buttons = [...listen.querySelectorAll("[data-take]")], boost = by("boost");
  const buffers = {}, gains = {};
  let context, master, loading, sources = [], begun = 0, from = 0, playing = false, heard = "target";
  let test = null; // { x, right, done, total } while the blind test runs

  const bytes = (uri) => Uint8Array.from(atob(uri.slice(uri.indexOf(",") + 1)), (c) => c.charCodeAt(0)).buffer;
  const load = () => loading ||= (async () => {
    context = new AudioContext({ sampleRate: +listen.dataset.rate });
    master = context.createGain();
    master.gain.value = 0;
    master.connect(context.destination);
    for (const player of players) {
      const id = player.dataset.id;
      buffers[id] = await context.decodeAudioData(bytes(player.src));
      gains[id] = context.createGain();
      gains[id].connect(master);
    }
  })();

  const place = () => playing ? (from + context.currentTime - begun) % length : from;
  const level = (id) => {
    const real = heard === "x" ? test.x : heard;
    return id !== real ? 0 : id === "null" && boost?.checked ? 10 ** (listen.dataset.boost / 20) : 1;
  };
  const set = (when) => {
    for (const id in gains) {
      gains[id].gain.cancelScheduledValues(context.currentTime);
      gains[id].gain.setValueAtTime(level(id), when);
    }
  };
  const fade = (to, when) => master.gain.setTargetAtTime(to, when, CONSTANT);
  const halt = () => {
    const now = context.currentTime;
    master.gain.cancelScheduledValues(now);
    fade(0, now);
    for (const source of sources) source.stop(now + DIP);
    sources = [];
    return now + DIP;
  };
  const begin = (at, when) => {
    for (const id in buffers) {
      const source = context.createBufferSource();
      source.buffer = buffers[id];
      source.loop = true;
      source.connect(gains[id]);
      source.start(when, at);
      sources.push(source);
    }
    begun = when;
    from = at;
    set(when);
    fade(1, when);
  };

  async function play() {
    for (const player of players) player.pause();
    await load();
    await context.resume();
    playing = true;
    begin(from, context.currentTime);
    show();
    tick();
  }
  function pause() {
    from = place();
    playing = false;
    halt();
    show();
  }
  const toggle = () => playing ? pause() : play();
  function seek(at) {
    from = Math.min(at, length - 0.01);
    if (playing) begin(from, halt());
    draw();
  }
  function hear(id) {
    if (test ? !["target", "model", "x"].includes(id) : !buttons.some((b) => b.dataset.take === id && !b.hidden)) return;
    heard = id;
    if (playing) {
      const now = context.currentTime;
      master.gain.cancelScheduledValues(now);
      fade(0, now);
      set(now + DIP);
      fade(1, now + DIP);
    }
    show();
  }

  function draw() {
    const at = Math.max(0, place());
    by("clock").textContent = at.toFixed(1);
    by("head").style.left = `${100 * at / length}%`;
    return at;
  }
  function tick() {
    if (!playing) return;
    const at = draw();
    if (document.activeElement !== by("seek")) by("seek").value = at;
    requestAnimationFrame(tick);
  }
  function show() {
    by("play").textContent = playing ? "Pause" : "Play";
    for (const button of buttons) button.setAttribute("aria-pressed", button.dataset.take === heard);
  }

  // The blind test.
  const chance = (right, of) => { // of guessing so many right or more: binomial, one half each
    let sum = 0, term = 0.5 ** of;
    for (let k = 0; k <= of; k++) {
      if (k >= right) sum += term;
      term *= (of - k) / (k + 1);
    }
    return sum;
  };
  const draws = () => crypto.getRandomValues(new Uint8Array(1))[0] & 1 ? "model" : "target";
  const say = (text) => { by("score").textContent = text; };
  function next() {
    test.x = draws();
    hear("x");
  }
  function startTest() {
    test = { x: "", right: 0, done: 0, total: +by("trials").value };
    testing(true);
    say(`Trial 1 of ${test.total}: is X A or B?`);
    next();
    if (!playing) play();
  }
  function testing(on) {
    listen.classList.toggle("testing", on);
    by("answers").hidden = !on;
    by("trials").disabled = on;
    listen.querySelector('[data-take="x"]').hidden = !on;
    by("blind").textContent = on ? "Stop the test" : "Start the blind test";
  }
  function endTest() {
    const { right, done } = test, p = chance(right, done);
    test = null;
    testing(false);
    hear("target");
    const odds = `${right} of ${done} right, p = ${p < 0.001 ? "under 0.001" : p.toFixed(3)}`;
    if (!done) say("Stopped before the first answer.");
    else if (p < 0.05) say(`${odds}: you hear a difference. Guessing does so well less than once in twenty tests.`);
    else say(`${odds}: no proof that you hear a difference. Guessing does as well ${Math.round(100 * p)} times in a hundred.`);
  }
  function answer(name) {
    if (!test) return;
    const right = name === test.x;
    test.right += right;
    test.done += 1;
    if (test.done === test.total) return endTest();
    const p = chance(test.right, test.done).toFixed(3);
    say(`${right ? "Right" : "Wrong"}: ${test.right} of ${test.done} so far, p = ${p}. Trial ${test.done + 1} of ${test.total}.`);
    next();
  }

  by("play").addEventListener("click", toggle);
  by("seek").addEventListener("input", (event) => seek(+event.target.value));
  by("blind").addEventListener("click", () => test ? endTest() : startTest());
  boost?.addEventListener("change", () => hear(boost.checked ? "null" : heard));
  for (const button of buttons) button.addEventListener("click", () => hear(button.dataset.take));
  for (const button of listen.querySelectorAll("[data-answer]")) button.addEventListener("click", () => answer(button.dataset.answer));
  for (const player of players) player.addEventListener("play", () => {
    if (playing) pause();
    for (const other of players) if (other !== player) other.pause();
  });
  const keys = { a: () => hear("target"), b: () => hear("model"), x: () => hear("x"), d: () => hear("dry"), n: () => hear("null"),
    1: () => answer("target"), 2: () => answer("model"), " ": toggle };
  listen.addEventListener("keydown", (event) => {
    const { key, target } = event, pressing = key === " " && target.matches("button, summary, audio, input");
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || pressing || target.matches("select")) return;
    const action = keys[key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    action();
  });
  show();
})();
