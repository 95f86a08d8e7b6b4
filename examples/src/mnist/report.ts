/** report.html of a run: one file, without scripts and without anything from elsewhere. */
import { type Assessment, classFigures, mistakes } from './assessment.js';
import { drawChart, type Point } from './chart.js';
import { type Digit, side } from './digits.js';
import { type Html, html, trusted } from './html.js';
import type { MetricsLine } from './metrics-log.js';
import { encodeGreyPng } from './png.js';
import { reportStyle } from './report-style.js';

export interface ReportContent {
  /** When the run was started. */
  readonly started: Date;
  /** What there is to know about the run, by name. */
  readonly facts: readonly (readonly [name: string, value: string])[];
  readonly metrics: readonly MetricsLine[];
  readonly assessment: Assessment;
  /** The mistakes to show. */
  readonly worst: readonly Digit[];
}

/** The whole file. */
export function renderReport(content: ReportContent): string {
  const { started, facts, metrics, assessment, worst } = content;
  const wrong = mistakes(assessment).length;
  const images = assessment.verdicts.length;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>MNIST: test accuracy ${assessment.accuracy.toFixed(4)}</title>
<style>${trusted(reportStyle)}</style>
</head>
<body>
<header>
<h1>Handwritten digits</h1>
<p class="soft">A run of hadal's MNIST example, started ${started.toLocaleString('en-GB')}</p>
<p class="headline">${(100 * assessment.accuracy).toFixed(2)}%</p>
<p class="soft">test accuracy: ${images - wrong} of ${images} images recognised, ${wrong} not</p>
</header>
<main>
<section><h2>Training</h2>${charts(metrics)}</section>
<section><h2>Which digit is taken for which</h2>${confusionMatrix(assessment)}</section>
<section><h2>By digit</h2>${classTable(assessment)}</section>
<section><h2>The worst mistakes</h2>${mistakeGrid(worst, wrong)}</section>
<section><h2>The run</h2><div class="scroll"><table class="plain"><tbody>
${facts.map(
  ([name, value]) => html`<tr><th scope="row">${name}</th><td>${value}</td></tr>
`,
)}</tbody></table></div></section>
</main>
</body>
</html>
`.text;
}

function charts(metrics: readonly MetricsLine[]): Html {
  const steps = metrics.filter((line) => line.kind === 'step');
  const epochs = metrics.filter((line) => line.kind === 'epoch');
  const points = (
    lines: readonly MetricsLine[],
    name: 'loss' | 'accuracy' | 'valLoss' | 'valAccuracy',
  ): Point[] => lines.map((line) => ({ x: line.step, y: line[name] ?? Number.NaN }));
  const chart = (
    title: string,
    scale: 'linear' | 'log',
    train: 'loss' | 'accuracy',
    test: 'valLoss' | 'valAccuracy',
  ) =>
    drawChart({
      title,
      scale,
      digits: 4,
      xName: 'steps; dashed lines end epochs',
      marks: epochs.map(({ step }) => step),
      series: [
        { name: 'training images', look: 'train', points: points(steps, train), labelled: false },
        { name: 'test images', look: 'test', points: points(epochs, test), labelled: true },
      ],
    });
  return html`<div class="charts">
${chart('Loss (cross-entropy)', 'log', 'loss', 'valLoss')}
${chart('Accuracy', 'linear', 'accuracy', 'valAccuracy')}
</div>
<p class="soft">The test images are only looked at: nothing is chosen by them. Training figures are means over ten steps, with dropout at work.</p>`;
}

function confusionMatrix({ confusion }: Assessment): Html {
  const most = Math.max(1, ...confusion.flatMap((row, k) => row.filter((_, other) => other !== k)));
  return html`<div class="scroll"><table class="matrix">
<thead><tr><th scope="col"><span class="soft">true</span></th>${confusion.map((_, k) => html`<th scope="col">${k}</th>`)}</tr></thead>
<tbody>
${confusion.map(
  (
    row,
    truth,
  ) => html`<tr><th scope="row">${truth}</th>${row.map((count, predicted) => cell(count, truth === predicted, most))}</tr>
`,
)}</tbody></table></div>
<p class="soft">Rows: what is written. Columns: what the network says. Green is right; the redder, the more often wrong.</p>`;
}

function cell(count: number, right: boolean, most: number): Html {
  if (right) return html`<td class="right" style="--heat:.45">${count}</td>`;
  if (count === 0) return html`<td class="none">·</td>`;
  return html`<td class="wrong" style="--heat:${(0.15 + (0.55 * count) / most).toFixed(2)}">${count}</td>`;
}

function classTable(assessment: Assessment): Html {
  return html`<div class="scroll"><table class="classes">
<thead><tr><th scope="col">digit</th><th scope="col">images</th><th scope="col">right</th><th scope="col">accuracy</th><th scope="col">mistaken most often for</th></tr></thead>
<tbody>
${classFigures(assessment).map(
  ({ name, images, right, confusedWith }) =>
    html`<tr><th scope="row">${name}</th><td>${images}</td><td>${right}</td><td>${images === 0 ? '-' : (right / images).toFixed(4)}</td><td>${confusedWith === null ? '-' : `${confusedWith.name} (${confusedWith.times}x)`}</td></tr>
`,
)}</tbody></table></div>`;
}

function mistakeGrid(worst: readonly Digit[], all: number): Html {
  if (worst.length === 0) return html`<p>There are none.</p>`;
  const intro =
    worst.length === all
      ? `All ${all}`
      : `${worst.length} of the ${all}, those that the network was surest of`;
  return html`<p class="soft">${intro}.</p>
<div class="mistakes">
${worst.map((digit) => {
  const data = encodeGreyPng(digit.pixels, side, side).toString('base64');
  return html`<figure><img width="${side}" height="${side}" alt="a ${digit.truth}, taken for a ${digit.predicted}" src="data:image/png;base64,${data}"><figcaption>is <b>${digit.truth}</b>, said <b>${digit.predicted}</b><br>${(100 * digit.confidence).toFixed(1)}% sure, test image ${digit.index}</figcaption></figure>
`;
})}</div>`;
}
