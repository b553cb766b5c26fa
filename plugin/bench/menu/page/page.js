// Draws the report that lies in the page. Sets data-state on the root element: "drawn" when all is
// done, or "failed: ..." for whoever looks from outside.
'use strict';
(() => {
  const root = document.documentElement;
  window.addEventListener('error', (event) => { root.dataset.state = 'failed: ' + event.message; });
  const report = JSON.parse(document.getElementById('report').textContent);
  const byId = (id) => document.getElementById(id);
  const available = report.mechanisms.filter((m) => m.available);
  const isOwn = (m) => m.name.includes('samehost') || m.name.startsWith('shm_ring');

  // ---- Numbers for people ----
  const short = (x) => (x < 9.995 ? x.toFixed(2) : x < 99.95 ? x.toFixed(1) : x.toFixed(0));
  const micros = (us) => (us == null ? '-' : us < 1000 ? short(us) + ' µs' : short(us / 1000) + ' ms');
  const rate = (n) => (n == null ? '-' : n < 1e3 ? short(n) + ' /s' : n < 1e6 ? short(n / 1e3) + ' k/s' : short(n / 1e6) + ' M/s');
  const megabytes = (n) => (n == null ? '-' : n < 1000 ? short(n) + ' MB/s' : short(n / 1000) + ' GB/s');
  const bytes = (n) => (n < 1024 ? n + ' B' : n < 1048576 ? +(n / 1024).toFixed(1) + ' KiB' : +(n / 1048576).toFixed(1) + ' MiB');
  const title = (m, size) => m.title + (m.processes === 1 ? ' [1 process]' : '') +
    (size != null && m.carries_bytes != null && m.carries_bytes < size ? ' (' + bytes(m.carries_bytes) + ')' : '');

  // The cell of a mechanism for a chosen size; bare wake-ups have one, shown with the smallest size.
  const smallest = Math.min(...report.options.sizes);
  function cellOf(m, placement, size) {
    const own = m.carries_bytes != null ? Math.min(m.carries_bytes, size) : size;
    if (own !== size && size !== smallest) return undefined;
    return m.cells.find((cell) => cell.placement === placement && cell.size === own);
  }

  const placementText = (name) => (name === 'pinned' ? 'each on its own CPU' : 'where the kernel likes');

  // ---- Text ----
  function element(tag, text, className) {
    const made = document.createElement(tag);
    if (text != null) made.textContent = text;
    if (className) made.className = className;
    return made;
  }
  function fillList(id, pairs) {
    byId(id).replaceChildren(...pairs.flatMap(([term, text]) => [element('dt', term), element('dd', text)]));
  }
  function fillTexts() {
    const machine = report.machine;
    fillList('advice', report.advice.map((a) => [a.case, a.text.replaceAll(/(\d) us\b/g, '$1 µs')]));
    byId('advice-note').textContent = "From this run's figures, both ends " + placementText(report.options.placements[0]) + '; two processes only.';
    const missing = report.mechanisms.filter((m) => !m.available);
    fillList('missing', missing.map((m) => [m.title, m.why_not]));
    byId('missing-section').hidden = missing.length === 0;
    byId('contradictions').replaceChildren(...report.contradictions.map((text) => element('li', text)));
    byId('contradictions-section').hidden = report.contradictions.length === 0;
    fillList('machine', Object.entries(machine).map(([key, value]) =>
      [key.replaceAll('_', ' '), typeof value === 'string' ? value : JSON.stringify(value)])
      .filter(([, text]) => text !== '' && text !== '{}'));
  }

  // ---- Tables ----
  const columns = [
    ['Mechanism', (m, c, size) => title(m, size), (text) => text],
    ['p50', (m, c) => c.round_trip.p50_us, micros],
    ['p99', (m, c) => c.round_trip.p99_us, micros],
    ['p99.9', (m, c) => c.round_trip.p999_us, micros],
    ['Messages one way', (m, c) => c.one_way.messages_per_second, rate],
    ['Bytes one way', (m, c) => c.one_way.megabytes_per_second, megabytes],
    ['CPU/msg answered', (m, c) => c.round_trip.cpu_us_per_message, micros],
    ['CPU/msg one way', (m, c) => c.one_way.cpu_us_per_message, micros],
    ['System calls/msg', (m, c) => c.system_calls_per_message, (x) => (x == null ? '-' : x.toFixed(2))],
    ['Sleeps/msg', (m, c) => c.round_trip.sleeps_per_message, (x) => (x == null ? '-' : x.toFixed(2))],
  ];
  const sorting = { column: 1, rising: true };
  function fillFigures(placement, size) {
    const head = element('tr');
    columns.forEach(([name], index) => {
      const cell = element('th', name);
      if (index === sorting.column) cell.setAttribute('aria-sort', sorting.rising ? 'ascending' : 'descending');
      cell.addEventListener('click', () => {
        sorting.rising = sorting.column === index ? !sorting.rising : true;
        sorting.column = index;
        fillFigures(placement, size);
      });
      head.append(cell);
    });
    const rows = available.map((m) => ({ m, cell: cellOf(m, placement, size) })).filter((row) => row.cell);
    const key = (row) => columns[sorting.column][1](row.m, row.cell, size);
    rows.sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      if (x == null || y == null) return (x == null) - (y == null);
      return (x < y ? -1 : x > y ? 1 : 0) * (sorting.rising ? 1 : -1);
    });
    byId('figures').tHead.replaceChildren(head);
    byId('figures').tBodies[0].replaceChildren(...rows.map(({ m, cell }) => {
      const line = element('tr', null, isOwn(m) ? 'own' : '');
      for (const [, value, show] of columns) line.append(element('td', show(value(m, cell, size))));
      return line;
    }));
  }
  function fillCrossovers(placement) {
    const titles = Object.fromEntries(report.mechanisms.map((m) => [m.name, m.title]));
    const head = element('tr');
    for (const name of ['Quicker below', 'Quicker above', 'About', 'Between']) head.append(element('th', name, 'text'));
    const rows = report.crossovers.filter((c) => c.neighbours && c.placement === placement).sort((a, b) => a.bytes - b.bytes);
    byId('crossovers').tHead.replaceChildren(head);
    byId('crossovers').tBodies[0].replaceChildren(...rows.map((c) => {
      const line = element('tr');
      for (const text of [titles[c.faster_below], titles[c.faster_above], bytes(c.bytes), c.between.map(bytes).join(' and ')]) {
        line.append(element('td', text, 'text'));
      }
      return line;
    }));
  }

  // ---- Plots ----
  // By families, told apart in light and dark (after Okabe and Ito, with a few more).
  const palette = {
    'shared memory': '#0b84d8', 'pipe': '#e69f00', 'socket': '#009e73', 'message queue': '#cc79a7', 'wake-up': '#8a8f98',
    'copy': '#a6761d', 'D-Bus': '#b0413e', 'gRPC': '#7b61d1', 'ZeroMQ': '#d55e00', 'nng': '#4fb0ae', "Cap'n Proto": '#c2559d',
  };
  const colour = (m) => palette[m.family] || '#888888';
  const dashes = [[], [6, 3], [2, 2], [8, 3, 2, 3], [1, 3], [12, 3]];
  function dashOf(m) {
    const family = available.filter((other) => other.family === m.family);
    return dashes[family.indexOf(m) % dashes.length];
  }
  // Shown at first where all lines would be too many: samehost's own and each family's quickest.
  function shownAtFirst(m) {
    if (isOwn(m)) return true;
    const p50 = (other) => cellOf(other, report.options.placements[0], smallest)?.round_trip.p50_us ?? Infinity;
    const family = available.filter((other) => other.family === m.family && other.processes === 2 && !isOwn(other));
    return m.family !== 'wake-up' && family.length > 0 && p50(m) === Math.min(...family.map(p50));
  }
  const css = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const logAxis = (text, show) => ({
    type: 'logarithmic', title: { display: true, text, color: css('--soft') }, grid: { color: css('--line') },
    ticks: { color: css('--soft'), autoSkip: true, maxRotation: 0, callback: (value) => {
      const lead = value / 10 ** Math.floor(Math.log10(value) + 1e-9);
      return [1, 2, 5].some((n) => Math.abs(n - lead) < 1e-6) ? show(value).replace(/\.0+ /, ' ') : '';
    } },
  });
  const sizeAxis = () => ({
    ...logAxis('message size', bytes),
    afterBuildTicks: (axis) => { axis.ticks = report.options.sizes.map((value) => ({ value: Math.max(1, value) })); },
    ticks: { color: css('--soft'), callback: (value) => bytes(value) },
  });
  const charts = {};
  const hiddenLines = {};
  function draw(id, config) {
    charts[id]?.destroy();
    config.options = { animation: false, maintainAspectRatio: false, responsive: true, ...config.options };
    charts[id] = new Chart(byId(id), config);
  }
  function lines(id, datasets, options) {
    const hidden = hiddenLines[id] ??= Object.fromEntries(available.map((m) => [m.name, !shownAtFirst(m)]));
    draw(id, {
      type: 'line',
      data: { datasets: datasets.map(({ m, data }) => ({
        label: title(m), data, hidden: hidden[m.name], mechanism: m.name, borderColor: colour(m), backgroundColor: colour(m),
        borderDash: dashOf(m), borderWidth: isOwn(m) ? 3.5 : 1.8, pointRadius: isOwn(m) ? 3.5 : 2, tension: 0,
      })) },
      options: { ...options, interaction: { mode: 'nearest', intersect: false }, plugins: {
        ...options.plugins,
        legend: { position: 'right', maxWidth: 340, labels: { color: css('--ink'), boxWidth: 24, boxHeight: 0, padding: 5, font: { size: 11 } },
          onClick: (event, item, legend) => {
            const dataset = legend.chart.data.datasets[item.datasetIndex];
            hidden[dataset.mechanism] = legend.chart.isDatasetVisible(item.datasetIndex);
            legend.chart.setDatasetVisibility(item.datasetIndex, !hidden[dataset.mechanism]);
            legend.chart.update();
          } },
      } },
    });
  }
  function bars(id, rows, datasets, axis, label) {
    byId(id).parentElement.style.height = 90 + rows.length * 22 * datasets.length ** 0.5 + 'px';
    draw(id, {
      type: 'bar',
      data: { labels: rows.map(({ m, size }) => title(m, size)), datasets },
      options: {
        indexAxis: 'y',
        scales: { x: axis, y: { grid: { display: false }, ticks: { autoSkip: false, color: css('--ink'),
          font: (context) => ({ size: 11.5, weight: isOwn(rows[context.index]?.m ?? { name: '' }) ? 'bold' : 'normal' }) } } },
        plugins: { legend: { display: datasets.length > 1, labels: { color: css('--ink') } }, tooltip: { callbacks: { label } } },
      },
    });
  }
  function drawBars(placement, size) {
    const rows = available.map((m) => ({ m, size, cell: cellOf(m, placement, size) }))
      .filter((row) => row.cell?.round_trip.p50_us > 0)
      .sort((a, b) => a.cell.round_trip.p50_us - b.cell.round_trip.p50_us);
    const outline = rows.map(({ m }) => (isOwn(m) ? css('--ink') : colour(m)));
    bars('latency', rows, [{
      // A p99 that is not known, for want of samples, is drawn as a thin mark at the median.
      data: rows.map(({ cell }) => [cell.round_trip.p50_us, Math.max(cell.round_trip.p99_us ?? 0, cell.round_trip.p50_us * 1.02)]),
      backgroundColor: rows.map(({ m }) => colour(m)), borderColor: outline, borderWidth: rows.map(({ m }) => (isOwn(m) ? 2 : 0)),
      borderSkipped: false, barPercentage: 0.8, categoryPercentage: 0.9,
    }], logAxis('time of a round trip', micros), (item) => {
      const trip = rows[item.dataIndex].cell.round_trip;
      return `p50 ${micros(trip.p50_us)}, p99 ${micros(trip.p99_us)}, p99.9 ${micros(trip.p999_us)}`;
    });
    const byCpu = [...rows].sort((a, b) => a.cell.one_way.cpu_us_per_message - b.cell.one_way.cpu_us_per_message);
    bars('cpu', byCpu, [
      { label: 'one way', data: byCpu.map(({ cell }) => cell.one_way.cpu_us_per_message), backgroundColor: css('--accent') },
      { label: 'answered', data: byCpu.map(({ cell }) => cell.round_trip.cpu_us_per_message), backgroundColor: '#e69f00' },
    ], logAxis('CPU time per message', micros), (item) => `${item.dataset.label}: ${micros(item.raw)}`);
  }
  function drawLines(placement, size) {
    const points = (m, value) => report.options.sizes.map((s) => ({ s, cell: m.cells.find((c) => c.placement === placement && c.size === s) }))
      .filter(({ s, cell }) => cell && s > 0 && value(cell) > 0).map(({ s, cell }) => ({ x: s, y: value(cell) }));
    const movers = available.filter((m) => m.carries_bytes == null);
    const bySize = (id, value, text, show) => lines(id, movers.map((m) => ({ m, data: points(m, value) })), {
      scales: { x: sizeAxis(), y: logAxis(text, show) },
      plugins: { tooltip: { callbacks: { title: (items) => bytes(items[0].parsed.x), label: (item) => `${item.dataset.label}: ${show(item.parsed.y)}` } } },
    });
    bySize('throughput', (cell) => cell.one_way.megabytes_per_second, 'throughput', megabytes);
    bySize('latency-by-size', (cell) => cell.round_trip.p50_us, 'median of a round trip', micros);
    lines('distribution', available.map((m) => ({ m, cell: cellOf(m, placement, size) })).filter(({ cell }) => cell)
      .map(({ m, cell }) => ({ m, data: cell.round_trip.distribution_us.map(([share, us]) => ({ x: us, y: 100 * share })) })), {
      scales: { x: logAxis('time of a round trip', micros), y: { min: 0, max: 100, grid: { color: css('--line') },
        title: { display: true, text: 'percent of the round trips', color: css('--soft') }, ticks: { color: css('--soft') } } },
      plugins: { tooltip: { callbacks: { title: () => '', label: (item) => `${item.dataset.label}: ${item.parsed.y.toFixed(1)} % within ${micros(item.parsed.x)}` } } },
    });
  }

  function drawAll() {
    const placement = byId('placement').value;
    const size = Number(byId('size').value);
    fillFigures(placement, size);
    fillCrossovers(placement);
    if (typeof Chart === 'undefined') {
      for (const plot of document.querySelectorAll('.plot')) {
        plot.style.height = 'auto';
        plot.textContent = 'No plot: Chart.js was not installed when samehost-bench was built.';
      }
      return;
    }
    drawBars(placement, size);
    drawLines(placement, size);
  }

  // ---- Choices ----
  function choose(id, values, show) {
    byId(id).replaceChildren(...values.map((value) => {
      const option = element('option', show(value));
      option.value = value;
      return option;
    }));
    byId(id).addEventListener('change', drawAll);
  }
  const dark = window.matchMedia('(prefers-color-scheme: dark)');
  // #dark and #light choose from outside.
  root.dataset.theme = ['dark', 'light'].find((name) => location.hash === '#' + name) || (dark.matches ? 'dark' : 'light');
  byId('theme').addEventListener('click', () => {
    root.dataset.theme = root.dataset.theme === 'dark' ? 'light' : 'dark';
    drawAll();
  });
  choose('placement', report.options.placements, placementText);
  choose('size', report.options.sizes, bytes);
  fillTexts();
  drawAll();
  root.dataset.state = 'drawn';
})();
