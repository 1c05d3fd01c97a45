"use strict";
// Values under the cursor in the charts of curves and boxes; charts with the same link share it.

class Chart {
  constructor(figure) {
    this.figure = figure;
    this.data = JSON.parse(figure.querySelector("script").textContent);
    this.svg = figure.querySelector("svg");
    this.cursor = figure.querySelector(".cursor");
    this.readout = figure.querySelector(".readout");
    this.place = null;
  }

  /** Return the place that is nearest to a pixel across. */
  nearest(pixel) {
    const distances = this.data.at.map((at) => Math.abs(at - pixel));
    return distances.indexOf(Math.min(...distances));
  }

  /** Return the place of a value, if it is one of this chart's. */
  placeOf(x) {
    const found = this.data.x.findIndex((one) => Math.abs(one - x) <= 1e-6 * Math.abs(x));
    return found < 0 ? null : found;
  }

  show(place) {
    this.place = place;
    this.readout.hidden = place === null;
    this.cursor.replaceChildren();
    if (place === null) return;
    const { across, at, heads, sides, texts, up } = this.data;
    const frame = this.svg.querySelector(".axes").getBBox();
    const mark = (name, attributes) => {
      const made = document.createElementNS(this.svg.namespaceURI, name);
      for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
      this.cursor.append(made);
    };
    mark("path", { d: `M${at[place]} ${frame.y}v${frame.height}` });
    for (const pixel of up[place]) if (pixel !== null) mark("circle", { cx: at[place], cy: pixel, r: 3 });
    const lines = sides.flatMap((side, number) => texts[place][number] ? [`${side}: ${texts[place][number]}`] : []);
    const head = across ? `${across}: ${heads[place]}` : heads[place];
    this.readout.replaceChildren(...[head, ...lines].map((text) => {
      const line = document.createElement("div");
      line.textContent = text;
      return line;
    }));
  }

  /** Return the name of the only side that has a value at a place of boxes, else null. */
  sideAt(place) {
    const having = this.data.sides.filter((_, number) => this.data.texts[place][number]);
    return this.figure.dataset.link || having.length !== 1 ? null : having[0];
  }

  /** Let the marks of one side stand out; of all sides, if there is no name. */
  stress(name) {
    for (const mark of this.svg.querySelectorAll("[data-number]"))
      mark.classList.toggle("faint", name !== null && this.data.sides[mark.dataset.number] !== name);
  }
}

for (const article of document.querySelectorAll("article")) {
  const charts = [...article.querySelectorAll("figure.chart")].map((figure) => new Chart(figure));
  const look = (chart, place) => {
    if (chart.place === place) return;
    const link = chart.figure.dataset.link;
    for (const other of charts) {
      const together = link !== "" && other.figure.dataset.link === link;
      if (other === chart) other.show(place);
      else if (together) other.show(place === null ? null : other.placeOf(chart.data.x[place]));
      other.stress(place === null ? null : chart.sideAt(place));
    }
  };
  for (const chart of charts) {
    const last = chart.data.at.length - 1;
    if (last < 0) continue;
    chart.svg.addEventListener("pointermove", (event) => {
      const box = chart.svg.getBoundingClientRect();
      look(chart, chart.nearest((event.clientX - box.left) * chart.svg.viewBox.baseVal.width / box.width));
    });
    chart.svg.addEventListener("pointerleave", () => look(chart, null));
    chart.figure.addEventListener("blur", () => look(chart, null));
    chart.figure.addEventListener("keydown", (event) => {
      const now = chart.place ?? -1;
      const to = { ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: last }[event.key];
      if (event.key === "Escape") look(chart, null);
      if (to === undefined) return;
      event.preventDefault();
      look(chart, Math.max(0, Math.min(last, to)));
    });
  }
}
