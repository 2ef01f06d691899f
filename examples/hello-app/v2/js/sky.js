// A clear night: a moon that shows the hour, and stars that twinkle.
(function () {
  const stars = window.rookery.stars;

  function paint(context, width, height, now) {
    const gradient = context.createLinearGradient(0, 0, 0, height);
    gradient.addColorStop(0, "#0b1026");
    gradient.addColorStop(0.55, "#1d2b5c");
    gradient.addColorStop(0.85, "#45538f");
    gradient.addColorStop(1, "#8f8fb8");
    context.fillStyle = gradient;
    context.fillRect(0, 0, width, height);
    stars.paint(context, width, height, now);
    moon(context, width, height);
  }

  // Left at noon, overhead at six, right at midnight: a clock for those who know.
  function moon(context, width, height) {
    const date = new Date();
    const turn = ((date.getHours() % 12) + date.getMinutes() / 60) / 12;
    const x = width * (0.12 + 0.76 * turn);
    const y = height * (0.36 - 0.22 * Math.sin(Math.PI * turn));
    const radius = Math.min(width, height) * 0.055;
    const halo = context.createRadialGradient(x, y, radius, x, y, radius * 6);
    halo.addColorStop(0, "rgb(220 228 255 / 35%)");
    halo.addColorStop(1, "rgb(220 228 255 / 0%)");
    context.fillStyle = halo;
    context.fillRect(0, 0, width, height);
    context.fillStyle = "#f4f1de";
    context.beginPath();
    context.arc(x, y, radius, 0, Math.PI * 2);
    context.fill();
    context.fillStyle = "rgb(160 160 180 / 30%)";
    for (const [dx, dy, size] of [[-0.35, -0.2, 0.22], [0.25, 0.3, 0.16], [0.3, -0.35, 0.12], [-0.15, 0.45, 0.1]]) {
      context.beginPath();
      context.arc(x + dx * radius, y + dy * radius, size * radius, 0, Math.PI * 2);
      context.fill();
    }
  }

  const silhouette = "#0a0d1c";

  window.rookery.sky = { paint, silhouette };
})();
