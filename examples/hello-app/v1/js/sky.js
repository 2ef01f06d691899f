// The sky of a summer evening that never ends.
(function () {
  const bands = [
    [0, "#2b1d3a"],
    [0.38, "#6b2f57"],
    [0.62, "#c8553d"],
    [0.8, "#f2a65a"],
    [1, "#ffd9a0"],
  ];

  function paint(context, width, height) {
    const gradient = context.createLinearGradient(0, 0, 0, height);
    for (const [stop, colour] of bands) gradient.addColorStop(stop, colour);
    context.fillStyle = gradient;
    context.fillRect(0, 0, width, height);

    const x = width * 0.76;
    const y = height * 0.74;
    const glow = context.createRadialGradient(x, y, 0, x, y, height * 0.45);
    glow.addColorStop(0, "rgb(255 240 200 / 95%)");
    glow.addColorStop(0.13, "rgb(255 232 180 / 90%)");
    glow.addColorStop(0.15, "rgb(255 214 150 / 40%)");
    glow.addColorStop(1, "rgb(255 200 140 / 0%)");
    context.fillStyle = glow;
    context.fillRect(0, 0, width, height);
  }

  const silhouette = "#1d1526";

  window.rookery.sky = { paint, silhouette };
})();
