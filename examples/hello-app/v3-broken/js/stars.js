// The release that goes wrong: `field` became a function, and one caller was forgotten.
(function () {
  function paintField(context, width, height, now) {
    for (const star of window.rookery.field(width)) {
      context.fillRect(star.x, star.y * height, 1, Math.sin(now));
    }
  }

  window.rookery.constellations = { paint: paintField };
})();
