// A fixed field of stars; only their brightness changes.
(function () {
  const field = Array.from({ length: 220 }, (_, index) => ({
    x: (index * 0.618034) % 1,
    y: ((index * 0.754878) % 1) ** 1.4 * 0.8,
    size: 0.4 + ((index * 0.569840) % 1) ** 3 * 1.6,
    phase: index * 1.7,
  }));

  function paint(context, width, height, now) {
    for (const star of field) {
      const light = 0.55 + 0.45 * Math.sin(now * 0.0012 + star.phase);
      context.fillStyle = `rgb(235 240 255 / ${Math.round(light * 100 * (1 - star.y * 0.8))}%)`;
      context.beginPath();
      context.arc(star.x * width, star.y * height, star.size, 0, Math.PI * 2);
      context.fill();
    }
  }

  window.rookery.stars = { paint };
})();
