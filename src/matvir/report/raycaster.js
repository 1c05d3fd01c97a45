"use strict";
// Volumes in 3D by WebGL 2, one ray per pixel.
// All volumes of the page share one WebGL context, because browsers allow few; each picture is
// copied to a 2D canvas of its own. Arrays are in the order of the axes 0, 1, 2; the texture's x, y, z
// are the axes 2, 1, 0.

// One triangle that covers the picture. A pixel at `place` (-1 .. 1, y upwards) looks along `forward`.
const WHOLE_PICTURE = `#version 300 es
out vec2 place;
void main() {
  place = vec2(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0);
  gl_Position = vec4(place, 0.0, 1.0);
}`;

// Walks from voxel to voxel (Amanatides and Woo, Eurographics 1987) to the first that is shown.
// Cut faces are flat; surfaces take their slope from the blurred opacity around them, and are darker
// where much around them is filled, and further back.
const RAYS = `#version 300 es
precision highp float;
precision highp int;
precision highp sampler3D;
uniform sampler3D volume;
uniform vec3 shape, edge, low, high, right, down, forward;
uniform float halfWidth, reach;
in vec2 place;
out vec4 colour;

vec3 slope(vec3 at) {
  vec3 found;
  for (int axis = 0; axis < 3; axis++) {
    vec3 offset = vec3(0.0);
    offset[axis] = 1.5;
    found[axis] = textureLod(volume, (at - offset) / shape, 1.0).a
                - textureLod(volume, (at + offset) / shape, 1.0).a;
  }
  return found / edge;
}

vec3 shaded(vec3 base, vec3 at, vec3 entered, bool onCut, float depth) {
  vec3 normal = entered;
  if (!onCut) normal = normalize(normalize(slope(at) + 1e-6 * entered) + 0.25 * entered);
  vec3 light = normalize(-0.75 * forward - 0.55 * down - 0.30 * right);
  float lit = max(dot(normal, light), 0.0);
  if (onCut) return base * (0.7 + 0.4 * min(lit, 0.75));  // near the colours of the legend
  float enclosed = textureLod(volume, at / shape, 2.5).a;
  float brightness = (0.45 + 0.62 * lit) * (1.25 - 0.6 * enclosed) * (1.0 - 0.35 * min(depth / reach, 1.0));
  return (0.2 + 0.78 * base) * brightness;
}

void main() {
  vec3 along = forward / edge;
  along = mix(along, vec3(1e-6), lessThan(abs(along), vec3(1e-6)));
  vec3 start = (right * place.x * halfWidth - down * place.y * halfWidth - forward * reach) / edge
             + shape / 2.0;
  vec3 first = min((low - start) / along, (high - start) / along);
  vec3 last = max((low - start) / along, (high - start) / along);
  float travelled = max(first.x, max(first.y, first.z));
  float end = min(last.x, min(last.y, last.z));
  float entry = travelled;
  vec3 crossed = vec3(greaterThanEqual(first, vec3(travelled)));
  vec3 direction = sign(along);
  ivec3 cell = ivec3(clamp(floor(start + travelled * along), low, high - 1.0));
  vec3 next = (vec3(cell) + max(direction, 0.0) - start) / along;
  vec4 found = vec4(0.0);
  // Discarding within the loop would not end it everywhere.
  while (travelled < end - 1e-4) {
    found = texelFetch(volume, cell, 0);
    if (found.a > 0.5) break;
    travelled = min(next.x, min(next.y, next.z));
    crossed = vec3(lessThanEqual(next, vec3(travelled)));
    cell += ivec3(crossed * direction);
    next += crossed * abs(1.0 / along);
  }
  if (found.a < 0.5) discard;
  vec3 at = start + travelled * along;
  vec3 entered = -normalize(crossed * direction);
  colour = vec4(shaded(found.rgb, at, entered, travelled == entry, travelled - entry), 1.0);
  gl_FragDepth = travelled / (2.0 * reach);
}`;

// Lines between corners of voxels, a little nearer than the surfaces that they lie on.
const CORNERS = `#version 300 es
uniform vec3 shape, edge, right, down, forward;
uniform vec2 nudge;
uniform float halfWidth, reach;
in vec3 corner;
out vec3 at;
void main() {
  at = corner;
  vec3 world = (corner - shape / 2.0) * edge;
  vec2 seen = vec2(dot(world, right), -dot(world, down)) / halfWidth + nudge;
  gl_Position = vec4(seen, dot(world, forward) / reach - 0.006, 1.0);
}`;
const INK = `#version 300 es
precision highp float;
uniform vec3 low, high;
uniform vec4 ink;
in vec3 at;
out vec4 colour;
void main() {
  if (any(lessThan(at, low - 0.01)) || any(greaterThan(at, high + 0.01))) discard;
  colour = ink;
}`;
const TRIPLE_INK = [0.9, 0, 0.49, 1], FRAME_INK = [0.5, 0.5, 0.5, 1];

/** Return both ends of each voxel edge where at least three phases meet, as (axis 2, 1, 0). */
function tripleLines({shape, voxels}) {
  const stride = [shape[1] * shape[2], shape[2], 1], ends = [];
  for (let axis = 0; axis < 3; axis++) {
    const [p, q] = [0, 1, 2].filter((other) => other !== axis);
    const first = [0, 1, 2].map((other) => (other === axis ? 0 : 1)), at = [...first];
    for (at[0] = first[0]; at[0] < shape[0]; at[0]++)
      for (at[1] = first[1]; at[1] < shape[1]; at[1]++)
        for (at[2] = first[2]; at[2] < shape[2]; at[2]++) {
          const here = at[0] * stride[0] + at[1] * stride[1] + at[2];
          const a = voxels[here], b = voxels[here - stride[p]], c = voxels[here - stride[q]];
          const d = voxels[here - stride[p] - stride[q]];
          const met = 1 + (b !== a) + (c !== a && c !== b) + (d !== a && d !== b && d !== c);
          if (met < 3) continue;
          const [z, y, x] = at;
          ends.push(x, y, z, x + (axis === 2), y + (axis === 1), z + (axis === 0));
        }
  }
  return Uint16Array.from(ends);
}

/** Return both ends of the edges of a box of a shape, as (axis 2, 1, 0). */
function frameLines([d, h, w]) {
  const ends = [];
  for (const y of [0, h]) for (const z of [0, d]) ends.push(0, y, z, w, y, z);
  for (const x of [0, w]) for (const z of [0, d]) ends.push(x, 0, z, x, h, z);
  for (const x of [0, w]) for (const y of [0, h]) ends.push(x, y, 0, x, y, d);
  return Uint16Array.from(ends);
}

/** Return where a viewer's right, down and forward point, along the axes 0, 1, 2. */
function directions({yaw, pitch}) {
  const [s, c, S, C] = [Math.sin(pitch), Math.cos(pitch), Math.sin(yaw), Math.cos(yaw)];
  return {right: [0, -S, C], down: [c, -s * C, -s * S], forward: [s, c * C, c * S]};
}

/** Draws volumes with WebGL 2 into a canvas that is not shown. */
class Renderer {
  /** Return a renderer, null where there is no WebGL 2. */
  static create() {
    const gl = document.createElement("canvas").getContext("webgl2", {antialias: false});
    return gl && new Renderer(gl);
  }

  constructor(gl) {
    this.gl = gl;
    this.rays = this.program(WHOLE_PICTURE, RAYS);
    this.lines = this.program(CORNERS, INK);
    this.buffer = gl.createBuffer();
    this.textures = new WeakMap();
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    gl.enable(gl.DEPTH_TEST);
  }

  program(vertex, fragment) {
    const gl = this.gl, program = gl.createProgram();
    for (const [type, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
      const shader = gl.createShader(type);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program));
    return program;
  }

  /** Bind the texture of one side, loading it again if what is shown of the volume has changed. */
  bind(side) {
    const gl = this.gl, known = this.textures.get(side);
    gl.bindTexture(gl.TEXTURE_3D, known ? known.texture : null);
    if (known && known.rgba === side.rgba) return;
    if (known) gl.deleteTexture(known.texture);
    const texture = gl.createTexture(), [d, h, w] = side.volume.shape;
    gl.bindTexture(gl.TEXTURE_3D, texture);
    gl.texImage3D(gl.TEXTURE_3D, 0, gl.RGBA8, w, h, d, 0, gl.RGBA, gl.UNSIGNED_BYTE, side.rgba);
    gl.generateMipmap(gl.TEXTURE_3D);
    gl.texParameteri(gl.TEXTURE_3D, gl.TEXTURE_MIN_FILTER, gl.LINEAR_MIPMAP_LINEAR);
    for (const wrap of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T, gl.TEXTURE_WRAP_R])
      gl.texParameteri(gl.TEXTURE_3D, wrap, gl.CLAMP_TO_EDGE);
    this.textures.set(side, {texture, rgba: side.rgba});
  }

  /** Draw what one side shows, as a square of `size` pixels. */
  draw(side, camera, size, lineWidth) {
    const gl = this.gl;
    if (gl.canvas.width !== size) gl.canvas.width = gl.canvas.height = size;
    gl.viewport(0, 0, size, size);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    this.bind(side);
    const {shape, relativeEdges: edge} = side.volume;
    const common = {shape, edge, ...side.cut, ...directions(camera)};
    const scale = {halfWidth: camera.reach / camera.zoom, reach: camera.reach};
    this.use(this.rays, common, scale);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    this.use(this.lines, common, scale);
    if (side.triple) this.strokes(side.triple, TRIPLE_INK, size, lineWidth);
    this.use(this.lines, {low: [0, 0, 0], high: shape}, {});
    this.strokes(side.frame, FRAME_INK, size, 1);
  }

  /** Wait until all is drawn. */
  finish() {
    this.gl.readPixels(0, 0, 1, 1, this.gl.RGBA, this.gl.UNSIGNED_BYTE, new Uint8Array(4));
  }

  use(program, vectors, numbers) {
    const gl = this.gl;
    gl.useProgram(program);
    for (const [name, value] of Object.entries(vectors))
      gl.uniform3fv(gl.getUniformLocation(program, name), [...value].reverse());
    for (const [name, value] of Object.entries(numbers))
      gl.uniform1f(gl.getUniformLocation(program, name), value);
  }

  /** Draw lines `width` pixels wide; WebGL's own are one pixel wide. */
  strokes(ends, ink, size, width) {
    const gl = this.gl, place = gl.getAttribLocation(this.lines, "corner");
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffer);
    gl.bufferData(gl.ARRAY_BUFFER, ends, gl.STREAM_DRAW);
    gl.enableVertexAttribArray(place);
    gl.vertexAttribPointer(place, 3, gl.UNSIGNED_SHORT, false, 0, 0);
    gl.uniform4fv(gl.getUniformLocation(this.lines, "ink"), ink);
    for (let x = 0; x < width; x++)
      for (let y = 0; y < width; y++) {
        gl.uniform2f(gl.getUniformLocation(this.lines, "nudge"), (2 * x) / size, (2 * y) / size);
        gl.drawArrays(gl.LINES, 0, ends.length / 3);
      }
    gl.disableVertexAttribArray(place);
  }
}

let shared;
/** Return the renderer of the page, made anew if the browser took its context away. */
function renderer() {
  if (shared === undefined || shared?.gl.isContextLost()) shared = Renderer.create();
  return shared;
}
