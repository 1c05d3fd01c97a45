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

  /** Return the place whose value is nearest to one of another chart, null beyond the last. */
  placeOf(x) {
    const values = this.data.x, step = values.length > 1 ? values.at(-1) - values.at(-2) : 0;
    if (!values.length || x < values[0] || x > values.at(-1) + step / 2) return null;
    const distances = values.map((one) => Math.abs(one - x));
    return distances.indexOf(Math.min(...distances));
  }

  show(place) {
    this.place = place;
    this.readout.hidden = place === null;
    this.readout.removeAttribute("role");
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
      if (other === chart) {
        other.show(place);
        other.readout.setAttribute("role", "status"); // one is read out, not all that are linked
      }
      else if (together) other.show(place === null ? null : other.placeOf(chart.data.x[place]));
      other.stress(place === null ? null : chart.sideAt(place));
    }
  };
  for (const chart of charts) {
    const last = chart.data.at.length - 1;
    if (last < 0) continue;
    const follow = (event) => {
      const box = chart.svg.getBoundingClientRect();
      look(chart, chart.nearest((event.clientX - box.left) * chart.svg.viewBox.baseVal.width / box.width));
    };
    chart.svg.addEventListener("pointermove", follow);
    chart.svg.addEventListener("pointerdown", follow);
    // A finger that is lifted leaves too, and what it pointed at is to be read then.
    chart.svg.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && look(chart, null));
    chart.figure.addEventListener("focus", () => chart.figure.matches(":focus-visible") && look(chart, chart.place ?? 0));
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
