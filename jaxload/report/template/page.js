"use strict";
(() => {
  const content = JSON.parse(document.getElementById("report-data").textContent);
  const byId = (id) => document.getElementById(id);
  const MISSING = -32768;
  // What 95% intervals are in standard errors.
  const WIDE = 1.96;
  // Rows of a table that is printed though it is folded.
  const LONGEST_PRINTED = 60;
  const SCALES = {
    diverging: [[0, "#8c510a"], [0.2, "#d8a95a"], [0.4, "#f4e3bf"], [0.5, "#f5f5f5"],
                [0.6, "#c3e2ea"], [0.8, "#5aa2c8"], [1, "#15508f"]],
    sequential: "Viridis",
    score: [[0, "#8c510a"], [0.25, "#d8a95a"], [0.5, "#f5f5f5"], [0.75, "#5aa2c8"],
            [1, "#15508f"]],
    cyclic: [[0, "#2f1436"], [0.17, "#6276ba"], [0.33, "#b6c6d0"], [0.5, "#e2d9e2"],
             [0.67, "#cc9b82"], [0.83, "#9a3b4f"], [1, "#2f1436"]],
  };
  // Of series, on light and on dark ground: 3 to 1 at least against it.
  const COLOURS = {
    light: ["#0072b2", "#d55e00", "#008f68", "#b8578c", "#9a6b00", "#2b8cbe", "#737373"],
    dark: ["#56b4e9", "#ff8c42", "#2fc99a", "#f0a3cf", "#f0c244", "#a6d9ff", "#b0b0b0"],
  };
  const colour = (n) => {
    const colours = COLOURS[matchMedia("(prefers-color-scheme: dark)").matches &&
      !matchMedia("print").matches ? "dark" : "light"];
    return colours[n % colours.length];
  };

  // Plotly reads some tags in texts; names of stations are no tags.
  const plain = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;")
    .replace(/>/g, "&gt;");

  const counts = (packed) => {
    if (!packed.counts) {
      const text = atob(packed.data);
      const bytes = new Uint8Array(text.length);
      for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
      const view = new DataView(bytes.buffer);
      packed.counts = new Int16Array(text.length / 2);
      for (let i = 0; i < packed.counts.length; i++) {
        packed.counts[i] = view.getInt16(2 * i, true);
      }
    }
    return packed.counts;
  };
  const number = (packed, i) => {
    const count = counts(packed)[i];
    // As many digits as the step has.
    return count === MISSING ? null : Number((count * packed.step).toPrecision(7));
  };
  const column = (packed, size, i) => {
    const values = [];
    for (let t = i; t < counts(packed).length; t += size) values.push(number(packed, t));
    return values;
  };

  const ink = (name) => getComputedStyle(document.documentElement)
    .getPropertyValue(name).trim();
  const layoutOf = (more) => Object.assign({
    paper_bgcolor: ink("--ground"), plot_bgcolor: ink("--ground"),
    font: {color: ink("--ink"), size: 12}, margin: {l: 52, r: 12, t: 34, b: 44},
    hovermode: "closest", uirevision: "kept",
  }, more);
  const axis = (more) => Object.assign({
    gridcolor: ink("--grid"), linecolor: ink("--line"), zerolinecolor: ink("--line"),
  }, more);
  const config = {responsive: true, displaylogo: false, // On a phone its buttons would lie on titles; fingers zoom and pan without.
                  displayModeBar: innerWidth < 600 ? false : "hover",
                  modeBarButtonsToRemove: ["select2d", "lasso2d"],
                  // Nothing of a result leaves the page.
                  showSendToCloud: false, plotlyServerURL: ""};

  const download = (name, kind, text) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], {type: kind}));
    link.download = name;
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  const field = (value) => {
    let text = value === null || value === undefined ? "" : String(value);
    // A spreadsheet must not take a name for a formula.
    if (/^[=@+\-\t]/.test(text) && !Number.isFinite(Number(text))) text = "'" + text;
    return /[",\n\r]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
  };
  const csv = (rows) => rows.map((row) => row.map(field).join(",")).join("\r\n") + "\r\n";

  // A line must not cross a gap: dates between which there is none have no value.
  const broken = (dates, ...series) => {
    const days = dates.map((date) => Date.parse(date));
    const steps = days.slice(1).map((day, i) => day - days[i]).sort((a, b) => a - b);
    const usual = steps[Math.floor(steps.length / 2)];
    const parts = [[], ...series.map(() => [])];
    dates.forEach((date, i) => {
      if (i && days[i] - days[i - 1] > 1.9 * usual) {
        parts[0].push(new Date(days[i - 1] + usual).toISOString().slice(0, 10));
        series.forEach((_, n) => parts[n + 1].push(null));
      }
      parts[0].push(date);
      series.forEach((values, n) => parts[n + 1].push(values[i]));
    });
    return parts;
  };

  // The outline of a band, a ring for each run of dates without a gap.
  const outline = (dates, {lower, upper}) => {
    const [x, y] = [[], []];
    let run = [];
    const close = () => {
      if (run.length) {
        const back = [...run].reverse();
        x.push(...run.map((t) => dates[t]), ...back.map((t) => dates[t]), null);
        y.push(...run.map((t) => lower[t]), ...back.map((t) => upper[t]), null);
      }
      run = [];
    };
    dates.forEach((_, t) => {
      if (lower[t] === null) close();
      else run.push(t);
    });
    close();
    return {x, y};
  };

  // A series with its 95% interval.
  const withBand = (name, when, known, errors, ink, more = {}, scale = 1) => {
    const traces = [];
    const scaled = (numbers) => scale === 1 ? numbers
      : numbers.map((x) => x === null ? null : Number((x * scale).toPrecision(7)));
    const [dates, values, sd] = broken(when, ...[known, ...(errors ? [errors] : [])]
      .map(scaled));
    if (sd) {
      const side = (sign) => values.map((v, i) =>
        v === null || sd[i] === null ? null : v + sign * WIDE * sd[i]);
      const meta = {lower: side(-1), upper: side(1)};
      traces.push({...outline(dates, meta), meta, type: "scatter", mode: "lines",
                   line: {width: 0}, fill: "toself", fillcolor: ink + "38",
                   hoverinfo: "skip", legendgroup: name, showlegend: false,
                   visible: more.visible});
    }
    traces.push({x: dates, y: values, name: plain(name), untagged: name, type: "scatter", mode: "lines",
                 line: {color: ink, width: 1.6}, legendgroup: name, ...more});
    return traces;
  };

  // ---- map ---------------------------------------------------------------------
  const map = content.map;
  const stations = content.stations;
  const state = {layer: 0, epoch: 0, cell: null, station: null, rows: []};
  const hasLayers = Boolean(map && map.layers.length);
  let cellAt = null;
  if (map) {
    cellAt = map.lat.map(() => new Array(map.lon.length).fill(-1));
    map.row.forEach((row, i) => { cellAt[row][map.column[i]] = i; });
  }

  const layer = () => map.layers[state.layer];
  const datesOf = (one) => one.axis === null ? null : map.axes[one.axis];
  const raster = (one, epoch) => {
    const values = map.lat.map(() => new Array(map.lon.length).fill(null));
    const first = one.axis === null ? 0 : epoch * map.row.length;
    map.row.forEach((row, i) => { values[row][map.column[i]] = number(one, first + i); });
    return values;
  };
  // Digits behind the point that tell a thousandth of the colours' range.
  const digitsOf = (one) => {
    const largest = Math.max(Math.abs(one.range[0]), Math.abs(one.range[1]));
    return Math.min(6, Math.max(0, 3 - Math.ceil(Math.log10(largest || 1))));
  };

  const mapShape = (() => {
    const lat = map ? map.lat : (stations || {lat: [0]}).lat;
    const lon = map ? map.lon : (stations || {lon: [0]}).lon;
    const middle = (Math.min(...lat) + Math.max(...lat)) / 2;
    return {
      margin: {l: 52, r: hasLayers ? 84 : 6, t: 32, b: 40},
      stretch: 1 / Math.max(Math.cos(middle * Math.PI / 180), 0.1),
      west: Math.min(...lon) - 0.4, east: Math.max(...lon) + 0.4,
      south: Math.min(...lat) - 0.4, north: Math.max(...lat) + 0.4,
    };
  })();
  // As wide as the cells are, so that the colours stand beside them.
  const shareOfWidth = () => {
    const {margin, stretch, west, east, south, north} = mapShape;
    const size = byId("map").getBoundingClientRect();
    const high = size.height - margin.t - margin.b;
    const wide = high * (east - west) / (north - south) / stretch;
    return Math.min(1, Math.max(0.1, wide / (size.width - margin.l - margin.r)));
  };
  const isFlagged = (i) => stations.suspect[i] || stations.notes[i] !== "";
  const mapTraces = () => {
    const traces = [];
    if (hasLayers) {
      const one = layer();
      traces.push({type: "heatmap", x: map.lon, y: map.lat, z: raster(one, state.epoch),
        zmin: one.range[0], zmax: one.range[1], colorscale: SCALES[one.kind],
        colorbar: {title: {text: plain(one.units || ""), side: "right"}, thickness: 14,
                   x: shareOfWidth() + 0.02, xanchor: "left"},
        hovertemplate: `%{x:.2f} E, %{y:.2f} N: %{z:.${digitsOf(one)}f} ` +
          `${plain(one.units)}<extra></extra>`, name: "cells"});
      traces.push({type: "scatter", mode: "lines", x: map.lines.lon, y: map.lines.lat,
        line: {color: ink("--coast"), width: 1}, hoverinfo: "skip", showlegend: false});
      traces.push({type: "scatter", mode: "lines", x: map.outlines.lon, y: map.outlines.lat,
        name: "outlines", line: {color: ink("--outline"), width: 1.5}, hoverinfo: "skip",
        showlegend: false});
    }
    if (stations) {
      traces.push({type: "scatter", mode: "markers", x: stations.lon, y: stations.lat,
        name: "stations", showlegend: false, text: stations.names.map((name, i) =>
          plain(name) + (stations.notes[i] ? ": " + plain(stations.notes[i]) : "")),
        hoverinfo: "text", marker: {size: stations.names.length > 150 ? 7 : 9,
          symbol: stations.names.map((_, i) => isFlagged(i) ? "diamond" : "triangle-up"),
          color: stations.names.map((_, i) => isFlagged(i) ? "#e69f00" : "#1b1f24"),
          line: {color: "#ffffff", width: 1}}});
    }
    return traces;
  };
  const mapLayout = () => {
    const {margin, stretch, west, east, south, north} = mapShape;
    return layoutOf({
      // A station counts as hit where its triangle is, so that cells beside it can be too.
      hoverdistance: 4, dragmode: "pan", margin,
      xaxis: axis({title: {text: "longitude [degrees]"}, range: [west, east],
                   domain: [0, shareOfWidth()], constrain: "domain",
                   constraintoward: "left", zeroline: false}),
      yaxis: axis({title: {text: "latitude [degrees]"}, range: [south, north],
                   scaleanchor: "x", constrain: "domain", zeroline: false,
                   scaleratio: stretch}),
    });
  };

  const say = (text) => { if (byId("status")) byId("status").textContent = text; };
  const valueHere = () => {
    if (state.cell === null || !map) return "";
    const one = layer();
    const first = one.axis === null ? 0 : state.epoch * map.row.length;
    const value = number(one, first + state.cell);
    return value === null ? "no value" : `${value} ${one.units}`;
  };
  const describeMap = () => {
    const one = layer();
    const dates = datesOf(one);
    const when = dates ? ` on ${dates[state.epoch]}` : "";
    byId("map-caption").textContent = `${one.title}${one.units ? ` [${one.units}]` : ""}` +
      `${when}. Colours end at ${one.range[0].toPrecision(3)} and ` +
      `${one.range[1].toPrecision(3)}; values beyond have the colours of the ends.`;
    const here = valueHere();
    say(`${one.title}${when}${here ? `; at the chosen cell ${here}` : ""}`);
  };

  const showEpoch = (epoch) => {
    const dates = datesOf(layer());
    state.epoch = Math.max(0, Math.min(epoch, dates ? dates.length - 1 : 0));
    if (dates) {
      byId("epoch").value = state.epoch;
      byId("epoch").setAttribute("aria-valuetext", dates[state.epoch]);
      byId("date").textContent = dates[state.epoch];
    }
    const done = Plotly.restyle("map", {z: [raster(layer(), state.epoch)]}, [0]);
    describeMap();
    markDate();
    return done;
  };

  const showLayer = (chosen) => {
    const dates = datesOf(layer());
    const day = dates ? dates[state.epoch] : state.day;
    state.layer = chosen;
    const next = datesOf(layer());
    byId("time-controls").hidden = next === null;
    if (day) state.day = day;
    state.epoch = 0;
    if (next) {
      byId("epoch").max = next.length - 1;
      // The date stays as it is, as far as the layer has it.
      if (day) {
        const later = next.findIndex((one) => one >= day);
        state.epoch = later < 0 ? next.length - 1 : later;
      }
    }
    Plotly.react("map", mapTraces(), mapLayout(), config);
    showStations();
    return showEpoch(state.epoch);
  };

  const showStations = () => {
    if (!stations || !byId("show-stations")) return;
    const trace = byId("map").data.length - 1;
    Plotly.restyle("map", {visible: byId("show-stations").checked}, [trace]);
  };

  // ---- series of a place ---------------------------------------------------------
  const seriesLayout = (title, units) => layoutOf({
    title: {text: plain(title), font: {size: 14}, x: 0.02, xanchor: "left"},
    xaxis: axis({type: "date"}), yaxis: axis({title: {text: plain(units)}}),
    legend: {orientation: "h", y: -0.14}, showlegend: true,
  });
  const markDate = () => {
    if (!map || !map.layers.length || !byId("series").layout) return;
    const dates = datesOf(layer());
    const mark = dates ? [{type: "line", x0: dates[state.epoch], x1: dates[state.epoch],
      yref: "paper", y0: 0, y1: 1, line: {color: ink("--quiet"), width: 1, dash: "dot"}}]
      : [];
    Plotly.relayout("series", {shapes: mark});
  };
  const rowsOf = (traces, units) => {
    const rows = [["series", "date", `value [${units}]`, `lower 95% [${units}]`,
                   `upper 95% [${units}]`]];
    traces.forEach((trace, i) => {
      if (trace.meta) return;
      const band = i ? traces[i - 1].meta : null;
      trace.x.forEach((date, t) => rows.push([trace.untagged, date, trace.y[t],
        band ? band.lower[t] : null, band ? band.upper[t] : null]));
    });
    return rows;
  };
  const keepRows = (name, traces, units) => {
    state.name = name;
    state.rows = rowsOf(traces, units);
  };

  const sdOf = (one) => map.layers.find((other) => other.file === one.file &&
    other.name === `${one.name}_sd` && other.axis === one.axis) || null;
  const showCell = (cell) => {
    state.cell = cell;
    state.station = null;
    const size = map.row.length;
    const units = (map.layers.find((one) => one.axis !== null) || {units: ""}).units;
    const traces = [];
    map.layers.forEach((one) => {
      if (one.axis === null || one.units !== units || one.name.endsWith("_sd")) return;
      const sd = sdOf(one);
      traces.push(...withBand(one.title, map.axes[one.axis], column(one, size, cell),
        sd && column(sd, size, cell), colour(traces.length)));
    });
    const lon = map.lon[map.column[cell]];
    const lat = map.lat[map.row[cell]];
    const title = `Cell at ${lon} E, ${lat} N`;
    keepRows(`cell_${lon}_${lat}`, traces, units);
    byId("series-caption").textContent = traces.some((trace) => trace.meta)
      ? "Shaded: 95% intervals (1.96 standard errors)."
      : "The result has no standard errors of cells by epoch.";
    if (byId("lon")) { byId("lon").value = lon; byId("lat").value = lat; }
    Plotly.react("series", traces, seriesLayout(title, `water [${units}]`), config);
    markDate();
    const here = valueHere();
    say(`${title}${here ? `: ${layer().title} ${here}` : ""}`);
  };

  const showStation = (i) => {
    state.station = i;
    state.cell = null;
    if (byId("station") && i < byId("station").options.length) byId("station").value = i;
    const note = stations.notes[i] ? ` (${stations.notes[i]})` : "";
    const title = `Station ${stations.names[i]}${note}`;
    const series = stations.series;
    const traces = [];
    const get = (key) => series[key] && i < stations.count
      ? column(series[key], stations.count, i) : null;
    const observed = get("observed");
    const residual = get("left_out");
    if (observed) {
      traces.push(...withBand("observed uplift", stations.dates, observed, get("sigma"),
                              colour(0)));
    }
    if (get("predicted")) {
      traces.push(...withBand("uplift by the estimated water", stations.dates,
                              get("predicted"), null, colour(1)));
    }
    if (get("filler")) {
      traces.push(...withBand("predicted by the filler without its heights",
                              stations.dates, get("filler"), null, colour(3),
                              {visible: "legendonly"}));
    }
    if (observed && residual) {
      const others = observed.map((up, t) => up === null || residual[t] === null ? null
        : Number((up - residual[t]).toPrecision(7)));
      traces.push(...withBand("predicted from the other stations", stations.dates, others,
                              null, colour(2), {visible: "legendonly"}));
    }
    keepRows(`station_${stations.names[i]}`, traces, "mm");
    byId("series-caption").textContent = traces.length
      ? "Vertical displacement. Shaded: 95% intervals of the observations (1.96 standard " +
        "errors)." + (stations.filler_comment
          ? ` The prediction by the filler is ${stations.filler_comment}.` : "")
      : "This station was left out; the result has no series of it.";
    Plotly.react("series", traces, seriesLayout(title, "uplift [mm]"), config);
    markDate();
    say(title);
  };

  const nearestCell = (lon, lat) => {
    let best = null;
    let least = Infinity;
    const scale = Math.cos(lat * Math.PI / 180);
    map.row.forEach((row, i) => {
      const east = ((map.lon[map.column[i]] - lon + 540) % 360 - 180) * scale;
      const away = east * east + (map.lat[row] - lat) ** 2;
      if (away < least) { least = away; best = i; }
    });
    return best;
  };

  const startMap = () => {
    const first = hasLayers ? datesOf(layer()) : null;
    if (first) state.epoch = first.length - 1;
    Plotly.newPlot("map", mapTraces(), mapLayout(), config);
    Plotly.newPlot("series", [], seriesLayout("", ""), config);
    byId("map").on("plotly_click", (event) => {
      const point = event.points.find((one) => one.data.name === "stations") ||
        event.points[0];
      if (point.data.name === "stations") showStation(point.pointIndex);
      else if (point.data.type === "heatmap") {
        const cell = cellAt[map.lat.indexOf(point.y)][map.lon.indexOf(point.x)];
        if (cell >= 0) showCell(cell);
      }
    });
    if (hasLayers) {
      byId("layer").addEventListener("change", (event) => showLayer(+event.target.value));
      byId("epoch").addEventListener("input", (event) => showEpoch(+event.target.value));
      byId("before").addEventListener("click", () => showEpoch(state.epoch - 1));
      byId("after").addEventListener("click", () => showEpoch(state.epoch + 1));
      byId("place").addEventListener("submit", (event) => {
        event.preventDefault();
        showCell(nearestCell(+byId("lon").value, +byId("lat").value));
      });
      let timer = null;
      byId("play").addEventListener("click", () => {
        const play = byId("play");
        if (timer) { clearInterval(timer); timer = null; }
        else {
          timer = setInterval(() => {
            const dates = datesOf(layer());
            if (dates) showEpoch((state.epoch + 1) % dates.length);
          }, 400);
        }
        play.setAttribute("aria-pressed", String(Boolean(timer)));
        play.textContent = timer ? "Pause" : "Play";
      });
    }
    if (byId("station")) {
      byId("station").addEventListener("change", (event) =>
        showStation(+event.target.value));
    }
    if (byId("show-stations")) byId("show-stations").addEventListener("change", showStations);
    byId("series-csv").addEventListener("click", () =>
      download(`${state.name}.csv`, "text/csv", csv(state.rows)));
    let waiting = null;
    window.addEventListener("resize", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => {
        const share = shareOfWidth();
        Plotly.relayout("map", {"xaxis.domain": [0, share]});
        if (hasLayers) Plotly.restyle("map", {"colorbar.x": share + 0.02}, [0]);
        // Legends of another width have another height.
        for (const plot of ["series", "region-plot"]) {
          if (byId(plot)) Plotly.relayout(plot, {"legend.y": -0.14});
        }
      }, 150);
    });
    if (hasLayers) showLayer(0);
    if (stations && stations.names.length) showStation(0);
    else if (hasLayers && map.row.length) showCell(0);
  };

  // ---- regions -------------------------------------------------------------------
  const regions = content.regions;
  const showRegion = (i) => {
    const size = regions.names.length;
    const traces = [];
    const cubic = byId("region-units") !== null && byId("region-units").value === "km3";
    // A millimetre on a square kilometre is a millionth of a cubic kilometre.
    const scale = cubic ? regions.areas[i] / 1e6 : 1;
    regions.series.forEach((one, n) => {
      const values = column(one, size, i);
      if (values.every((value) => value === null)) return;
      traces.push(...withBand(one.title, regions.axes[one.axis], values,
        one.sd && column(one.sd, size, i), colour(n),
        one.first ? {} : {visible: "legendonly"}, scale));
    });
    state.regionTraces = traces;
    state.regionUnits = cubic ? "km3" : "mm";
    const area = regions.areas && regions.areas[i] !== null
      ? `, ${Math.round(regions.areas[i]).toLocaleString("en")} km\u00b2` : "";
    const units = cubic ? "km\u00b3, which is Gt" : "mm";
    const title = `${regions.names[i]}${area}`;
    Plotly.react("region-plot", traces, seriesLayout(title, `water [${units}]`), config);
    byId("region-plot").setAttribute("aria-label", `Water storage of ${title} [${units}]; ` +
      "its values can be downloaded as CSV");
  };
  const startRegions = () => {
    const show = () => showRegion(+byId("region").value);
    show();
    byId("region").addEventListener("change", show);
    if (byId("region-units")) byId("region-units").addEventListener("change", show);
    byId("region-csv").addEventListener("click", () => {
      const name = regions.names[+byId("region").value];
      const rows = rowsOf(state.regionTraces, state.regionUnits);
      download(`region_${name}.csv`, "text/csv", csv(rows));
    });
  };

  // ---- tables, figures, citations --------------------------------------------------
  const textOf = (cell) => cell.dataset.value !== undefined ? cell.dataset.value
    : cell.textContent;
  const sortBy = (table, index, ascending) => {
    const rows = [...table.tBodies[0].rows];
    const key = (row) => row.cells[index];
    rows.sort((a, b) => {
      const [one, other] = [textOf(key(a)), textOf(key(b))];
      // What has no value stays at the end.
      if (one === "" || other === "") return (one === "") - (other === "");
      const [x, y] = [Number(one), Number(other)];
      const order = Number.isNaN(x) || Number.isNaN(y)
        ? one.localeCompare(other, undefined, {numeric: true}) : x - y;
      return ascending ? order : -order;
    });
    table.tBodies[0].append(...rows);
  };
  document.querySelectorAll("table").forEach((table) => {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, index) => head.querySelector("button")
      .addEventListener("click", () => {
        const ascending = head.getAttribute("aria-sort") !== "ascending";
        heads.forEach((one) => one.setAttribute("aria-sort", "none"));
        head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
        sortBy(table, index, ascending);
      }));
  });
  document.querySelectorAll("button.csv").forEach((button) =>
    button.addEventListener("click", () => {
      const table = byId(button.dataset.table);
      const rows = [[...table.tHead.rows[0].cells].map((cell) => cell.dataset.name),
                    ...[...table.tBodies[0].rows].map((row) => [...row.cells].map(textOf))];
      download(`${table.dataset.name}.csv`, "text/csv", csv(rows));
    }));
  document.querySelectorAll("button.enlarge").forEach((button) =>
    button.addEventListener("click", () => {
      const large = button.closest("figure").classList.toggle("large");
      button.setAttribute("aria-pressed", String(large));
    }));
  byId("bibtex").addEventListener("click", () =>
    download("citations.bib", "application/x-bibtex", byId("citations").textContent));

  if (byId("map")) startMap();
  if (byId("region-plot")) startRegions();
  const redraw = () => {
    if (byId("map")) {
      Plotly.react("map", mapTraces(), mapLayout(), config);
      showStations();
      if (state.cell !== null) showCell(state.cell);
      else if (state.station !== null) showStation(state.station);
    }
    if (byId("region-plot")) showRegion(+byId("region").value);
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  // On paper the ground is white, and what is folded is shown.
  matchMedia("print").addEventListener("change", redraw);
  let folded = [];
  window.addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")]
      .filter((one) => one.querySelectorAll("tr").length <= LONGEST_PRINTED);
    folded.forEach((one) => { one.open = true; });
  });
  window.addEventListener("afterprint", () => {
    folded.forEach((one) => { one.open = false; });
  });
  document.documentElement.dataset.ready = "true";
})();
