"use strict";
// The interactive view: volumes in 3D, drawn by raycaster.js, and their slices on a 2D canvas.

// Milliseconds of a frame above which those that follow are coarser while something moves, pixels
// per pixel then at least, and milliseconds without a move after which the picture is drawn finely.
const SLOW = 60, COARSEST = 0.35, PAUSE = 200;

/** Return the bytes of base64 of gzip. */
async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Return the longest round length of at most `most`. */
function roundLength(most) {
  const power = 10 ** Math.floor(Math.log10(most));
  return power * Math.max(...[1, 2, 5].filter((factor) => factor * power <= most));
}

/** Return a clear canvas of a size to draw on; a new size makes the browser lay out the page. */
function cleared(canvas, width, height) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const ink = canvas.getContext("2d");
  ink.resetTransform();
  ink.clearRect(0, 0, width, height);
  return ink;
}

/** One volume as it is shown on the left or on the right. */
class Side {
  constructor(root, name) {
    const part = (which) => root.querySelector(`[data-side="${name}"] [data-part="${which}"]`);
    this.choice = part("choice");
    this.space = part("space");
    this.plane = part("plane");
    this.bar = part("bar");
    this.text = part("text");
  }

  /** Colour the voxels that are shown; the others become transparent. */
  look(shown, kind, colours) {
    const {voxels, through, count} = this.volume;
    this.rgba = new Uint8ClampedArray(4 * count);
    const pixels = new Uint32Array(this.rgba.buffer);
    if (kind === "rgb") {
      for (let i = 0; i < count; i++)
        pixels[i] = OPAQUE | voxels[3 * i] | (voxels[3 * i + 1] << 8) | (voxels[3 * i + 2] << 16);
      return;
    }
    const painted = Uint32Array.from({length: 256}, (_, value) => {
      if (kind === "phases") return shown.phases[value] ? OPAQUE | colours[value] : 0;
      return value >= shown.low && value <= shown.high ? OPAQUE | (value * 0x10101) : 0;
    });
    const needed = shown.through === "" ? 0 : 1 << shown.through;
    for (let i = 0; i < count; i++)
      if (!needed || through[i] & needed) pixels[i] = painted[voxels[i]];
  }

  /** Say how much of the volume each phase is, or how much of each phase percolates. */
  describe(shown, names) {
    const {size, fractions, percolating} = this.volume;
    if (!names.length) {
      this.text.textContent = `${size}.`;
      return;
    }
    const percent = (share) => (share === null ? "none" : `${(100 * share).toFixed(1)} %`);
    const all = shown.through === "", shares = all ? fractions : percolating[shown.through];
    const subject = all ? "Volume fractions" : `Percolating along axis ${shown.through}`;
    const listed = names.map((name, phase) => `${name} ${percent(shares[phase])}`).join(", ");
    this.text.textContent = `${size}. ${subject}: ${listed}.`;
  }
}

const OPAQUE = 0xff000000, PIXELS_PER_RADIAN = 150, TURN = Math.PI / 18, ALL_THE_WAY = 1e6;
const TURNS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
const ZOOMS = {"+": 1, "=": 1, "-": -1};
const STEPS = {
  ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10,
  Home: -ALL_THE_WAY, End: ALL_THE_WAY,
};

/** Return whether a key is not one of the browser's own commands. */
function plain({altKey, ctrlKey, metaKey}) { return !(altKey || ctrlKey || metaKey); }

/** Return by how many notches a wheel was turned; touchpads turn it by small parts. */
function notches({deltaY, deltaMode}) {
  return deltaMode ? Math.sign(deltaY) : Math.max(-1, Math.min(1, deltaY / 50));
}

/** The view of one material: two sides, one camera, one place of the slices. */
class Viewer {
  constructor(root) {
    this.root = root;
    this.data = JSON.parse(this.part("data").textContent);
    this.colours = this.data.phases.map(([, colour]) => {
      const [red, green, blue] = [1, 3, 5].map((start) => parseInt(colour.slice(start, start + 2), 16));
      return red | (green << 8) | (blue << 16);
    });
    const names = [...root.querySelectorAll("[data-side]")].map(({dataset}) => dataset.side);
    this.sides = [...new Set(names)].map((name) => new Side(root, name));
    this.unpacked = [];
    this.detail = 1;
  }

  part(name) { return this.root.querySelector(`[data-part="${name}"]`); }
  field(name) { return this.root.querySelector(`[name="${name}"]`); }

  /** Unpack what is chosen, show the view in place of the note, and listen. */
  async start() {
    await this.choose();
    this.part("flat").hidden = renderer() !== null;
    for (const element of this.root.querySelectorAll("[data-needs-webgl]"))
      element.hidden = !renderer();
    this.part("instead").hidden = true;
    this.part("tool").hidden = false;
    this.listen();
    this.frontal();
  }

  listen() {
    this.root.addEventListener("input", ({target}) =>
      target.dataset.part === "choice" ? this.choose().then(() => this.redraw()) : this.redraw());
    for (const button of this.root.querySelectorAll("[data-key]"))
      button.addEventListener("click", () => this.press(button.dataset.key));
    for (const {space, plane} of this.sides) {
      this.listenToSpace(space);
      this.listenToPlane(plane);
    }
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
    new ResizeObserver(() => this.redraw()).observe(this.root);
  }

  listenToPlane(plane) {
    let wheeled = 0;
    plane.addEventListener("keydown", (event) => {
      if (!plain(event) || !(event.key in STEPS)) return;
      event.preventDefault();
      this.scroll(STEPS[event.key]);
    });
    plane.addEventListener("wheel", (event) => {
      if (plane !== document.activeElement) return;
      event.preventDefault();
      wheeled += notches(event);
      this.scroll(Math.trunc(wheeled));
      wheeled %= 1;
    }, {passive: false});
  }

  listenToSpace(space) {
    space.addEventListener("keydown", (event) => {
      if (plain(event) && this.press(event.key)) event.preventDefault();
    });
    let [x, y] = [0, 0];
    const follow = ({clientX, clientY}) => { [x, y] = [clientX, clientY]; };
    space.addEventListener("pointerdown", (event) => {
      space.setPointerCapture(event.pointerId);
      follow(event);
    });
    space.addEventListener("pointermove", (event) => {
      if (!(event.buttons & 1)) return;
      this.turn((event.clientX - x) / PIXELS_PER_RADIAN, (event.clientY - y) / PIXELS_PER_RADIAN);
      follow(event);
    });
    // Only where one has clicked: else the page could not be scrolled past the picture.
    space.addEventListener("wheel", (event) => {
      if (space !== document.activeElement) return;
      event.preventDefault();
      this.zoom(-notches(event));
    }, {passive: false});
  }

  /** Do what a key means in 3D; returns whether it means anything. */
  press(key) {
    if (key in TURNS) this.turn(...TURNS[key].map((times) => TURN * times));
    else if (key in ZOOMS) this.zoom(ZOOMS[key]);
    else if (key === "Home") this.frontal();
    else return false;
    return true;
  }

  /** Look from the corner (0, 0, 0), as on the still pictures. */
  frontal() {
    this.camera = {yaw: Math.PI / 4, pitch: Math.atan(Math.SQRT1_2), zoom: 1};
    this.move();
  }

  turn(yaw, pitch) {
    this.camera.yaw += yaw;
    this.camera.pitch = Math.max(-Math.PI / 2, Math.min(Math.PI / 2, this.camera.pitch + pitch));
    this.move();
  }

  zoom(times) {
    this.camera.zoom = Math.max(0.5, Math.min(20, this.camera.zoom * 1.2 ** times));
    this.move();
  }

  scroll(step) {
    const place = this.field("place");
    place.value = Number(place.value) + step;
    this.redraw();
  }

  /** Unpack the volumes that are chosen. */
  async choose() {
    const wanted = this.sides.map(({choice}) => Number(choice.value));
    for (const index of wanted) this.unpacked[index] ??= this.unpack(index);
    const volumes = await Promise.all(wanted.map((index) => this.unpacked[index]));
    this.sides.forEach((side, index) => {
      side.volume = volumes[index];
      side.frame = frameLines(side.volume.shape);
      side.rgba = null;
    });
    this.reach = Math.max(...volumes.map(({shape, relativeEdges}) =>
      Math.hypot(...shape.map((n, axis) => n * relativeEdges[axis])) / 2)) * 1.02;
  }

  async unpack(index) {
    const {data, ...volume} = this.data.volumes[index];
    const bytes = await unpack(data), count = volume.shape.reduce((a, b) => a * b);
    const size = this.data.kind === "rgb" ? 3 * count : count, longest = Math.max(...volume.edges);
    return {
      ...volume, count, relativeEdges: volume.edges.map((edge) => edge / longest),
      voxels: bytes.subarray(0, size), through: bytes.length > size ? bytes.subarray(size) : null,
    };
  }

  /** Draw something that moves; what stands still is drawn again, finely, soon after. */
  move() {
    clearTimeout(this.waiting);
    this.moving = true;
    this.redraw();
  }

  rest() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => { this.moving = false; this.redraw(); }, PAUSE);
  }

  redraw() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => { this.asked = false; this.show(); });
  }

  /** Bring both sides up to date with all controls. */
  show() {
    this.placeSlices();
    const shown = this.shown(), key = JSON.stringify(shown), {kind, phases} = this.data;
    const names = kind === "phases" ? phases.map(([name]) => name) : [];
    const lines = this.field("lines")?.checked;
    for (const side of this.sides) {
      if (!side.rgba || side.key !== key) {
        side.look(shown, kind, this.colours);
        side.describe(shown, names);
        side.key = key;
      }
      side.cut = this.cut(side.volume.shape);
      side.space.setAttribute("aria-label", `${side.volume.name} in three dimensions`);
      side.triple = lines ? (side.volume.triple ??= tripleLines(side.volume)) : null;
      this.slice(side);
    }
    if (renderer()) this.spaces();
  }

  /** Return which voxels are shown. */
  shown() {
    const range = (name, otherwise) => Number(this.field(name)?.value ?? otherwise);
    return {
      phases: [...this.root.querySelectorAll('[name="phase"]')].map((box) => box.checked),
      through: this.field("through")?.value ?? "",
      low: range("low", 0), high: range("high", 255),
    };
  }

  /** Return the first plane that is shown along each axis, and the first that no longer is. */
  cut(shape) {
    const planes = (name, lowest) => shape.map((n, axis) =>
      Math.max(lowest, Math.min(n, Number(this.field(`${name}-${axis}`).value))));
    const high = planes("to", 1);
    return {low: planes("from", 0).map((plane, axis) => Math.min(plane, high[axis] - 1)), high};
  }

  /** Draw both sides in 3D; while something moves as coarsely as it takes to be quick. */
  spaces() {
    const started = performance.now(), density = Math.min(window.devicePixelRatio, 2);
    const detail = this.moving ? this.detail : this.detail < 1 ? 1 : 2 / density;
    for (const side of this.sides) this.space(side, density, detail);
    if (!this.moving) return;
    renderer().finish();
    const took = performance.now() - started;
    if (took > SLOW) this.detail = Math.max(COARSEST, this.detail * Math.sqrt(SLOW / took));
    this.rest();
  }

  /** Draw one side in 3D, with a sketch of the axes and a bar of a round length. */
  space(side, density, detail) {
    const edge = side.space.clientWidth, size = Math.round(edge * density);
    if (!size) return;
    const camera = {...this.camera, reach: this.reach};
    renderer().draw(side, camera, Math.max(1, Math.round(size * detail)), Math.ceil(detail * density));
    const ink = cleared(side.space, size, size);
    ink.imageSmoothingQuality = this.moving ? "low" : "medium";
    ink.drawImage(renderer().gl.canvas, 0, 0, size, size);
    ink.scale(density, density);
    ink.fillStyle = ink.strokeStyle = getComputedStyle(side.space).color;
    ink.font = "12px system-ui, sans-serif";
    this.sketchAxes(ink, edge);
    const longest = Math.max(...side.volume.edges);
    this.sketchBar(ink, edge, (2 * this.reach * longest) / this.camera.zoom / edge);
  }

  sketchAxes(ink, edge) {
    const {right, down} = directions(this.camera), [x, y] = [34, edge - 34];
    ink.textAlign = "center";
    ink.textBaseline = "middle";
    for (let axis = 0; axis < 3; axis++) {
      ink.beginPath();
      ink.moveTo(x, y);
      ink.lineTo(x + 20 * right[axis], y + 20 * down[axis]);
      ink.stroke();
      ink.fillText(axis, x + 28 * right[axis], y + 28 * down[axis]);
    }
  }

  sketchBar(ink, edge, pixel) {
    const length = roundLength(0.25 * edge * pixel), width = length / pixel;
    ink.fillRect(edge - 8 - width, edge - 12, width, 3);
    ink.textAlign = "right";
    ink.textBaseline = "bottom";
    ink.fillText(`${Number(length.toPrecision(1))} ${this.data.unit}`, edge - 8, edge - 14);
  }

  /** Let the slider go as far as there are planes, and say where it is. */
  placeSlices() {
    const axis = Number(this.field("axis").value), place = this.field("place");
    place.max = Math.max(...this.sides.map(({volume}) => volume.shape[axis])) - 1;
    const depth = Number((place.value * this.sides[0].volume.edges[axis]).toPrecision(3));
    const length = this.data.unit === "µm" ? `, at ${depth} µm` : "";
    this.part("place").textContent = `${place.value} of ${place.max}${length}`;
  }

  /** Draw the slice of one side, one pixel per voxel; the page stretches it. */
  slice(side) {
    const axis = Number(this.field("axis").value), {shape, edges, name} = side.volume;
    const [rows, columns] = [0, 1, 2].filter((other) => other !== axis);
    const place = Math.min(Number(this.field("place").value), shape[axis] - 1);
    const stride = [shape[1] * shape[2], shape[2], 1];
    const picture = new ImageData(shape[columns], shape[rows]);
    const from = new Uint32Array(side.rgba.buffer), to = new Uint32Array(picture.data.buffer);
    for (let i = 0, row = 0; row < shape[rows]; row++)
      for (let column = 0; column < shape[columns]; column++, i++)
        to[i] = from[place * stride[axis] + row * stride[rows] + column * stride[columns]];
    const [width, height] = [shape[columns] * edges[columns], shape[rows] * edges[rows]];
    cleared(side.plane, shape[columns], shape[rows]).putImageData(picture, 0, 0);
    side.plane.style.aspectRatio = `${width} / ${height}`;
    side.plane.setAttribute("aria-label", `${name}, plane ${place} perpendicular to axis ${axis}`);
    const length = roundLength(width / 2), [line, text] = side.bar.children;
    line.style.width = `${(100 * length) / width}%`;
    text.textContent = `${Number(length.toPrecision(1))} ${this.data.unit}`;
  }
}

if (typeof DecompressionStream !== "undefined") {
  // What nobody looks at is not unpacked.
  const near = new IntersectionObserver((entries) => {
    for (const {isIntersecting, target} of entries)
      if (isIntersecting) {
        near.unobserve(target);
        new Viewer(target).start();
      }
  }, {rootMargin: "400px"});
  for (const root of document.querySelectorAll("[data-viewer]")) near.observe(root);
}
