// One old tree, the same on every screen: its shape comes from a fixed seed.
(function () {
  function random(seed) {
    let state = seed;
    return function next() {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
    };
  }

  // Branches as segments in a unit space: x from -1 to 1, y from 0 (ground) to 1 (crown).
  function grow() {
    const next = random(1871);
    const branches = [];
    const forks = [];

    function branch(x, y, angle, length, thickness, depth) {
      const bend = (next() - 0.5) * 0.35;
      const endX = x + Math.sin(angle + bend) * length;
      const endY = y + Math.cos(angle + bend) * length;
      branches.push({ x, y, endX, endY, bend, thickness, depth });
      if (depth === 0) return;
      if (depth <= 5 && depth >= 3) forks.push({ x: endX, y: endY, depth });
      const children = depth > 5 ? 2 : 2 + (next() > 0.55 ? 1 : 0);
      for (let child = 0; child < children; child += 1) {
        const side = child - (children - 1) / 2;
        const turn = side * (0.62 + next() * 0.34) + (next() - 0.5) * 0.22;
        branch(endX, endY, (angle + turn) * 0.93, length * (0.7 + next() * 0.16), thickness * 0.72, depth - 1);
      }
    }

    branch(0, 0, 0.03, 0.23, 0.044, 8);
    return { branches, nests: chooseNests(forks) };
  }

  // Nests sit in forks, well apart from each other.
  function chooseNests(forks) {
    const nests = [];
    for (const fork of [...forks].sort((a, b) => b.y - a.y)) {
      const apart = nests.every((nest) => Math.hypot(nest.x - fork.x, nest.y - fork.y) > 0.135);
      if (apart && fork.y > 0.38) nests.push(fork);
      if (nests.length === 14) break;
    }
    return nests;
  }

  const shape = grow();

  function frame(width, height) {
    const scale = Math.min(height * 0.92, width * 0.95);
    return {
      scale,
      at: (point) => ({ x: width * 0.42 + point.x * scale, y: height * 0.97 - point.y * scale }),
    };
  }

  function paint(context, width, height, time, colour) {
    const { scale, at } = frame(width, height);
    context.strokeStyle = colour;
    context.fillStyle = colour;
    context.lineCap = "round";
    for (const piece of shape.branches) {
      const from = at({ x: piece.x + sway(piece.x, piece.y, time), y: piece.y });
      const to = at({ x: piece.endX + sway(piece.endX, piece.endY, time), y: piece.endY });
      context.lineWidth = Math.max(0.7, piece.thickness * scale);
      context.beginPath();
      context.moveTo(from.x, from.y);
      context.quadraticCurveTo((from.x + to.x) / 2 + piece.bend * scale * 0.06, (from.y + to.y) / 2, to.x, to.y);
      context.stroke();
    }
    for (const nest of shape.nests) paintNest(context, at(swayed(nest, time)), scale * 0.026);
    ground(context, width, height);
  }

  function paintNest(context, { x, y }, size) {
    context.beginPath();
    context.ellipse(x, y, size * 1.25, size * 0.75, 0, 0, Math.PI * 2);
    context.fill();
    context.lineWidth = size * 0.12;
    for (let twig = 0; twig < 9; twig += 1) {
      const angle = twig * 2.4;
      context.beginPath();
      context.moveTo(x - Math.cos(angle) * size * 0.9, y + Math.sin(angle) * size * 0.5);
      context.lineTo(x + Math.cos(angle) * size * 1.75, y - Math.abs(Math.sin(angle)) * size * 0.75 + size * 0.2);
      context.stroke();
    }
  }

  function ground(context, width, height) {
    context.beginPath();
    context.moveTo(0, height);
    for (let step = 0; step <= 24; step += 1) {
      const x = (width * step) / 24;
      context.lineTo(x, height * 0.955 + Math.sin(step * 0.55) * height * 0.012);
    }
    context.lineTo(width, height);
    context.fill();
  }

  function sway(x, y, time) {
    return Math.sin(time * 0.0009 + x * 2.2) * 0.006 * y * y;
  }

  function swayed(point, time) {
    return { x: point.x + sway(point.x, point.y, time), y: point.y };
  }

  function nestAt(index, width, height, time) {
    return frame(width, height).at(swayed(shape.nests[index], time));
  }

  window.rookery.tree = { paint, nestAt, nests: shape.nests.length, random };
})();
