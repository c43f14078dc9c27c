"use strict";
(() => {
  const content = JSON.parse(document.getElementById("report-data").textContent);
  const byId = (id) => document.getElementById(id);
  const MISSING = -32768;
  // What 95% intervals are in standard errors.
  const WIDE = 1.96;
  const SCALES = {
    diverging: [[0, "#8c510a"], [0.2, "#d8a95a"], [0.4, "#f4e3bf"], [0.5, "#f5f5f5"],
                [0.6, "#c3e2ea"], [0.8, "#5aa2c8"], [1, "#15508f"]],
    sequential: "Viridis",
    cyclic: [[0, "#2f1436"], [0.17, "#6276ba"], [0.33, "#b6c6d0"], [0.5, "#e2d9e2"],
             [0.67, "#cc9b82"], [0.83, "#9a3b4f"], [1, "#2f1436"]],
  };
  const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9",
                   "#7f7f7f"];

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
  const config = {responsive: true, displaylogo: false, displayModeBar: "hover",
                  modeBarButtonsToRemove: ["select2d", "lasso2d", "sendDataToCloud"]};

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
  const withBand = (name, when, known, errors, colour, more = {}) => {
    const traces = [];
    const [dates, values, sd] = broken(when, known, ...(errors ? [errors] : []));
    if (sd) {
      const side = (sign) => values.map((v, i) =>
        v === null || sd[i] === null ? null : v + sign * WIDE * sd[i]);
      const meta = {lower: side(-1), upper: side(1)};
      traces.push({...outline(dates, meta), meta, type: "scatter", mode: "lines",
                   line: {width: 0}, fill: "toself", fillcolor: colour + "38",
                   hoverinfo: "skip", legendgroup: name, showlegend: false,
                   visible: more.visible});
    }
    traces.push({x: dates, y: values, name: plain(name), type: "scatter", mode: "lines",
                 line: {color: colour, width: 1.6}, legendgroup: name, ...more});
    return traces;
  };

  // ---- map ---------------------------------------------------------------------
  const map = content.map;
  const stations = content.stations;
  const state = {layer: 0, epoch: 0, cell: null, station: null, rows: []};
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
  const unitsOf = (one) => one.units ? ` [${plain(one.units)}]` : "";

  const mapTraces = () => {
    const traces = [];
    if (map && map.layers.length) {
      const one = layer();
      traces.push({type: "heatmap", x: map.lon, y: map.lat, z: raster(one, state.epoch),
        zmin: one.range[0], zmax: one.range[1], colorscale: SCALES[one.kind],
        colorbar: {title: {text: plain(one.units || ""), side: "right"}, thickness: 14},
        hovertemplate: "%{x:.2f} E, %{y:.2f} N: %{z:.1f}<extra></extra>", name: "cells"});
      traces.push({type: "scatter", mode: "lines", x: map.lines.lon, y: map.lines.lat,
        line: {color: ink("--coast"), width: 1}, hoverinfo: "skip", showlegend: false});
    }
    if (stations) {
      traces.push({type: "scatter", mode: "markers", x: stations.lon, y: stations.lat,
        name: "stations", showlegend: false, text: stations.names.map((name, i) =>
          plain(name) + (stations.notes[i] ? ": " + plain(stations.notes[i]) : "")),
        hoverinfo: "text", marker: {symbol: "triangle-up", size: 9,
          color: stations.names.map((_, i) =>
            stations.suspect[i] || stations.notes[i] ? "#e69f00" : "#1b1f24"),
          line: {color: "#ffffff", width: 1}}});
    }
    return traces;
  };
  const mapLayout = () => {
    const lat = map ? map.lat : stations.lat;
    const lon = map ? map.lon : stations.lon;
    const ends = (values) => [Math.min(...values) - 0.4, Math.max(...values) + 0.4];
    const middle = (Math.min(...lat) + Math.max(...lat)) / 2;
    return layoutOf({
      // A station counts as hit where its triangle is, so that cells beside it can be too.
      hoverdistance: 4, dragmode: "pan", margin: {l: 46, r: 6, t: 32, b: 40},
      xaxis: axis({title: {text: "longitude [degrees]"}, range: ends(lon),
                   constrain: "domain", zeroline: false}),
      yaxis: axis({title: {text: "latitude [degrees]"}, range: ends(lat),
                   scaleanchor: "x", constrain: "domain", zeroline: false,
                   scaleratio: 1 / Math.max(Math.cos(middle * Math.PI / 180), 0.1)}),
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
  const keepRows = (name, traces) => {
    state.name = name;
    state.rows = [["series", "date", "value", "lower 95%", "upper 95%"]];
    traces.forEach((trace, i) => {
      if (trace.meta) return;
      const band = i ? traces[i - 1].meta : null;
      trace.x.forEach((date, t) => state.rows.push([trace.name, date, trace.y[t],
        band ? band.lower[t] : null, band ? band.upper[t] : null]));
    });
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
        sd && column(sd, size, cell), COLOURS[traces.length % COLOURS.length]));
    });
    const lon = map.lon[map.column[cell]];
    const lat = map.lat[map.row[cell]];
    const title = `Cell at ${lon} E, ${lat} N`;
    keepRows(`cell_${lon}_${lat}`, traces);
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
                              COLOURS[0]));
    }
    if (get("predicted")) {
      traces.push(...withBand("uplift by the estimated water", stations.dates,
                              get("predicted"), null, COLOURS[1]));
    }
    if (observed && residual) {
      const others = observed.map((up, t) => up === null || residual[t] === null ? null
        : Number((up - residual[t]).toPrecision(7)));
      traces.push(...withBand("predicted from the other stations", stations.dates, others,
                              null, COLOURS[2], {visible: "legendonly"}));
    }
    keepRows(`station_${stations.names[i]}`, traces);
    byId("series-caption").textContent = traces.length
      ? "Vertical displacement. Shaded: 95% intervals of the observations (1.96 standard " +
        "errors)." : "This station was left out; the result has no series of it.";
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
    const hasLayers = map && map.layers.length > 0;
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
    if (hasLayers) showLayer(0);
    if (stations && stations.names.length) showStation(0);
    else if (hasLayers && map.row.length) showCell(0);
  };

  // ---- regions -------------------------------------------------------------------
  const regions = content.regions;
  const showRegion = (i) => {
    const size = regions.names.length;
    const traces = [];
    regions.series.forEach((one, n) => {
      const values = column(one, size, i);
      if (values.every((value) => value === null)) return;
      traces.push(...withBand(one.title, regions.axes[one.axis], values,
        one.sd && column(one.sd, size, i), COLOURS[n % COLOURS.length],
        one.first ? {} : {visible: "legendonly"}));
    });
    state.regionTraces = traces;
    Plotly.react("region-plot", traces,
                 seriesLayout(regions.names[i], "water [mm]"), config);
  };
  const startRegions = () => {
    showRegion(0);
    byId("region").addEventListener("change", (event) => showRegion(+event.target.value));
    byId("region-csv").addEventListener("click", () => {
      const kept = [state.name, state.rows];
      keepRows("", state.regionTraces);
      const name = regions.names[+byId("region").value];
      download(`region_${name}.csv`, "text/csv", csv(state.rows));
      [state.name, state.rows] = kept;
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
      const rows = [[...table.tHead.rows[0].cells].map((cell) => cell.textContent.trim()),
                    ...[...table.tBodies[0].rows].map((row) => [...row.cells].map(textOf))];
      download(`${table.dataset.name}.csv`, "text/csv", csv(rows));
    }));
  document.querySelectorAll("a.enlarge").forEach((link) => {
    const turn = (event) => {
      event.preventDefault();
      link.closest("figure").classList.toggle("large");
    };
    link.addEventListener("click", turn);
    link.addEventListener("keydown", (event) => { if (event.key === " ") turn(event); });
  });
  byId("bibtex").addEventListener("click", () =>
    download("citations.bib", "application/x-bibtex", byId("citations").textContent));

  if (byId("map")) startMap();
  if (byId("region-plot")) startRegions();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    if (byId("map")) {
      Plotly.react("map", mapTraces(), mapLayout(), config);
      if (state.cell !== null) showCell(state.cell);
      else if (state.station !== null) showStation(state.station);
    }
    if (byId("region-plot")) showRegion(+byId("region").value);
  });
  document.documentElement.dataset.ready = "true";
})();
