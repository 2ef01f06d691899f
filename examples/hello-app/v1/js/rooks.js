// Rooks: each has a nest, comes from beyond the edge of the screen, and settles.
(function () {
  const { random, nestAt } = window.rookery.tree;

  function flock(count, now) {
    const next = random(42);
    return Array.from({ length: count }, (_, index) => arriving(index, next, now + index * 650 + next() * 600));
  }

  function arriving(index, next, departsAt) {
    const left = next() > 0.5;
    return {
      index,
      departsAt,
      flightMs: 4200 + next() * 2600,
      from: { x: left ? -0.1 : 1.1, y: 0.08 + next() * 0.4 },
      lift: 0.12 + next() * 0.25,
      beat: 0.011 + next() * 0.004,
    };
  }

  function isHome(rook, now) {
    return now >= rook.departsAt + rook.flightMs;
  }

  function paint(context, rook, width, height, now, colour) {
    if (now < rook.departsAt) return;
    const nest = nestAt(rook.index, width, height, now);
    const size = Math.min(width, height) * 0.026;
    context.fillStyle = colour;
    if (isHome(rook, now)) {
      paintPerched(context, nest.x, nest.y - size * 0.55, size, Math.sin(now * 0.0016 + rook.index) * 0.06);
      return;
    }
    const progress = (now - rook.departsAt) / rook.flightMs;
    const eased = 1 - (1 - progress) ** 2;
    const start = { x: rook.from.x * width, y: rook.from.y * height };
    const x = start.x + (nest.x - start.x) * eased;
    const y = start.y + (nest.y - start.y) * eased - Math.sin(Math.PI * eased) * rook.lift * height;
    const landing = Math.max(0, progress - 0.82) / 0.18;
    const flap = Math.sin(now * rook.beat * (1 + landing)) * (0.75 + landing * 0.3);
    paintFlying(context, x, y, size, flap, nest.x > start.x ? 1 : -1);
  }

  function paintFlying(context, x, y, size, flap, facing) {
    context.save();
    context.translate(x, y);
    context.scale(facing, 1);
    context.beginPath();
    context.ellipse(0, 0, size * 0.85, size * 0.27, 0.08, 0, Math.PI * 2);
    context.fill();
    context.beginPath();
    context.moveTo(size * 0.6, -size * 0.22);
    context.lineTo(size * 1.25, -size * 0.02);
    context.lineTo(size * 0.6, size * 0.12);
    context.moveTo(-size * 0.6, -size * 0.1);
    context.lineTo(-size * 1.35, -size * 0.22);
    context.lineTo(-size * 1.3, size * 0.25);
    context.lineTo(-size * 0.6, size * 0.15);
    context.fill();
    // The near wing and the far one, a little apart, so that the bird is seen from the side and from below.
    for (const [reach, back] of [[1, -0.25], [0.78, 0.3]]) {
      const tipY = -flap * size * 1.55 * reach;
      context.beginPath();
      context.moveTo(size * 0.5, -size * 0.08);
      context.quadraticCurveTo(size * 0.55, tipY * 0.55, size * (back - 0.15), tipY - size * 0.12);
      context.quadraticCurveTo(size * (back - 0.4), tipY * 0.45, -size * 0.55, 0);
      context.fill();
    }
    context.restore();
  }

  function paintPerched(context, x, y, size, nod) {
    context.save();
    context.translate(x, y);
    context.rotate(nod);
    context.beginPath();
    context.ellipse(0, 0, size * 0.42, size * 0.62, 0.35, 0, Math.PI * 2);
    context.fill();
    context.beginPath();
    context.arc(size * 0.26, -size * 0.62, size * 0.28, 0, Math.PI * 2);
    context.fill();
    context.beginPath();
    context.moveTo(size * 0.42, -size * 0.78);
    context.lineTo(size * 0.95, -size * 0.56);
    context.lineTo(size * 0.42, -size * 0.5);
    context.moveTo(-size * 0.2, size * 0.3);
    context.lineTo(-size * 0.75, size * 0.95);
    context.lineTo(size * 0.05, size * 0.55);
    context.fill();
    context.restore();
  }

  window.rookery.rooks = { flock, isHome, paint };
})();
