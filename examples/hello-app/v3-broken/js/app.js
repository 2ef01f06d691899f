// Puts the scene together and draws it, frame by frame. New in this version: it says so when it cannot start.
(function () {
  const { version, sky, tree, rooks } = window.rookery;
  const canvas = document.getElementById("scene");
  const context = canvas.getContext("2d");
  let flock = rooks.flock(tree.nests, performance.now() - 4000);

  document.getElementById("version").textContent = version;
  document.getElementById("nests").textContent = String(tree.nests);

  function fit() {
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    canvas.width = Math.round(window.innerWidth * ratio);
    canvas.height = Math.round(window.innerHeight * ratio);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
  }

  function draw(now) {
    const width = window.innerWidth;
    const height = window.innerHeight;
    sky.paint(context, width, height, now);
    tree.paint(context, width, height, now, sky.silhouette);
    for (const rook of flock) rooks.paint(context, rook, width, height, now, sky.silhouette);
    document.getElementById("home").textContent = String(flock.filter((rook) => rooks.isHome(rook, now)).length);
    requestAnimationFrame(draw);
  }

  function tick() {
    const time = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    document.getElementById("clock").textContent = `· ${time}`;
  }

  // What a device puts into the `reason` of its `failed` report.
  function failed(error) {
    document.querySelector("h1").textContent = "This version does not start";
    document.querySelector("p").textContent = String(error);
  }

  function startle() {
    flock = rooks.flock(tree.nests, performance.now());
  }

  window.addEventListener("resize", fit);
  window.addEventListener("pointerdown", startle);
  setInterval(tick, 1000);
  tick();
  fit();
  try {
    draw(performance.now());
  } catch (error) {
    failed(error);
  }
})();
