"use strict";
// Draws every figure of the page, in the page's own colours: light, dark, and light again on paper.
(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const holders = [...document.querySelectorAll(".figure")];

  const colours = (onPaper) => {
    const style = getComputedStyle(document.documentElement);
    const ink = onPaper ? "#333333" : style.getPropertyValue("--muted").trim();
    const line = onPaper ? "#dddddd" : style.getPropertyValue("--line").trim();
    const ground = onPaper ? "#ffffff" : style.getPropertyValue("--ground").trim();
    const strong = onPaper ? "#111111" : style.getPropertyValue("--ink").trim();
    return { ink, line, ground, strong };
  };

  const restyle = (layout, { ink, line, ground, strong }) => {
    const update = {
      "font.color": ink,
      "hoverlabel.bgcolor": ground,
      "hoverlabel.bordercolor": line,
      "hoverlabel.font.color": strong,
    };
    for (const name of Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key))) {
      update[`${name}.gridcolor`] = line;
      update[`${name}.linecolor`] = line;
      update[`${name}.tickfont.color`] = ink;
    }
    return update;
  };

  const narrow = 600;

  const draw = async (holder) => {
    const { data, layout, config } = JSON.parse(holder.querySelector("script").textContent);
    holder.replaceChildren();
    // On a telephone a legend takes several lines.
    const height = layout.height + (layout.showlegend && holder.clientWidth < narrow ? 120 : 0);
    holder.style.height = `${height}px`;
    await Plotly.newPlot(holder, data, { ...layout, height, autosize: true }, {
      ...config,
      responsive: true,
      displaylogo: false,
      displayModeBar: false,
    });
    await Plotly.relayout(holder, restyle(layout, colours(false)));
    holder.dataset.drawn = "yes";
  };

  // A page of A4 or Letter between its margins, in CSS pixels.
  const paperWidth = 680;

  const redraw = (onPaper) => {
    for (const holder of holders.filter((one) => one.dataset.drawn)) {
      const size = onPaper ? { autosize: false, width: paperWidth } : { autosize: true, width: null };
      Plotly.relayout(holder, { ...restyle(holder.layout, colours(onPaper)), ...size });
    }
  };

  // One after the other, so that the first figures can be read while the last are drawn.
  holders.reduce((before, holder) => before.then(() => draw(holder)), Promise.resolve());
  dark.addEventListener("change", () => redraw(false));
  window.addEventListener("beforeprint", () => redraw(true));
  window.addEventListener("afterprint", () => redraw(false));
})();
