// Marks in pictures of the plane: points, whose class is seen by shape and colour, and the cross.

/** Add the mark of a class to a path: a circle, a square, a triangle, ...; eight, then again. */
export function addMark(path, shape, x, y, radius) {
  SHAPES[shape % SHAPES.length](path, x, y, radius);
}

/** The mark of a place, readable on any colour. */
export function cross(pen, x, y, arm = 7) {
  const path = new Path2D();
  path.moveTo(x - arm, y);
  path.lineTo(x + arm, y);
  path.moveTo(x, y - arm);
  path.lineTo(x, y + arm);
  for (const [color, width] of [["#fff", 4], ["#111", 1.8]]) {
    pen.strokeStyle = color;
    pen.lineWidth = width;
    pen.stroke(path);
  }
}

// Corners as angles in turns, and distances from the middle; all marks seem equally large.
const SHAPES = [
  (path, x, y, radius) => {
    path.moveTo(x + radius, y);
    path.arc(x, y, radius, 0, 2 * Math.PI);
  },
  corners(4, 0.125, [1.25]),
  corners(3, -0.25, [1.4]),
  corners(4, 0, [1.35]),
  corners(3, 0.25, [1.4]),
  corners(10, -0.25, [1.6, 0.7]),
  corners(8, 0, [1.55, 0.6]),
  corners(6, -0.25, [1.2]),
];

function corners(count, turn, reach) {
  const steps = Array.from({ length: count }, (_, i) => {
    const angle = 2 * Math.PI * (turn + i / count);
    return [Math.cos(angle) * reach[i % reach.length], Math.sin(angle) * reach[i % reach.length]];
  });
  return (path, x, y, radius) => {
    steps.forEach(([across, down], i) => path[i ? "lineTo" : "moveTo"](x + across * radius, y + down * radius));
    path.closePath();
  };
}
