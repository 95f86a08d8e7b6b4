/** The page: starts and stops the trainer, shows what it says. */
import type { Message, Start } from './messages.js';

function element<T extends HTMLElement>(id: string, kind: abstract new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no ${id}`);
  return found;
}

const start = element('start', HTMLButtonElement);
const stop = element('stop', HTMLButtonElement);
const bar = element('bar', HTMLProgressElement);
const status = element('status', HTMLParagraphElement);
const notice = element('notice', HTMLParagraphElement);
const figures = {
  loss: element('loss', HTMLElement),
  accuracy: element('accuracy', HTMLElement),
  speed: element('speed', HTMLElement),
  engine: element('engine', HTMLElement),
};
const chart = element('chart', HTMLCanvasElement);
const query = new URLSearchParams(location.search);

let worker: Worker | null = null;
let losses: number[] = [];
const said: Message[] = [];

function draw(): void {
  const context = chart.getContext('2d');
  if (!context || losses.length < 2) return;
  const { width, height } = chart;
  const top = Math.max(...losses);
  context.clearRect(0, 0, width, height);
  context.beginPath();
  losses.forEach((loss, i) => {
    const [x, y] = [(i / (losses.length - 1)) * width, height - (loss / top) * (height - 4) - 2];
    if (i === 0) context.moveTo(x, y);
    else context.lineTo(x, y);
  });
  context.strokeStyle = '#1769aa';
  context.lineWidth = 2;
  context.stroke();
}

function end(text: string): void {
  worker?.terminate();
  worker = null;
  start.disabled = false;
  stop.disabled = true;
  status.textContent = text;
}

function show(message: Message): void {
  switch (message.kind) {
    case 'ready':
      figures.engine.textContent = `${message.engine}, ${message.threads} thread${message.threads === 1 ? '' : 's'}`;
      status.textContent = 'Loading the images';
      break;
    case 'step':
      losses.push(message.loss);
      bar.max = message.steps;
      bar.value = message.step;
      figures.loss.textContent = message.loss.toFixed(4);
      figures.speed.textContent = `${message.imagesPerSecond.toFixed(0)} images/s`;
      status.textContent = `Epoch ${message.epoch}, step ${message.step} of ${message.steps}`;
      draw();
      break;
    case 'epoch':
      figures.accuracy.textContent = `${(100 * message.accuracy).toFixed(2)} % of ${message.of} test images`;
      break;
    case 'done':
      figures.speed.textContent = `${message.imagesPerSecond.toFixed(0)} images/s in all`;
      end('Done');
      break;
    case 'failed':
      end(`It failed: ${message.message}`);
  }
}

/** With `?headless`, the server is told how it went. */
function report(message: Message): void {
  if (!query.has('headless')) return;
  said.push(message);
  if (message.kind === 'done') void fetch('/report', { method: 'POST', body: JSON.stringify(said) });
  if (message.kind === 'failed')
    void fetch('/failure', { method: 'POST', body: JSON.stringify(message.message) });
}

function begin(): void {
  const asked: Start = {
    epochs: Number(query.get('epochs') ?? 1),
    images: Number(query.get('images') ?? 60_000),
    testImages: Number(query.get('test') ?? 2000),
    threads: query.has('threads') ? Number(query.get('threads')) : null,
  };
  losses = [];
  start.disabled = true;
  stop.disabled = false;
  status.textContent = 'Starting';
  worker = new Worker('/trainer.js', { type: 'module' });
  worker.onmessage = (event: MessageEvent<Message>) => {
    show(event.data);
    report(event.data);
  };
  worker.onerror = (event) => {
    const message: Message = { kind: 'failed', message: event.message || 'the trainer cannot be loaded' };
    show(message);
    report(message);
  };
  worker.postMessage(asked);
}

if (!crossOriginIsolated) {
  notice.hidden = false;
  notice.textContent =
    'This page is not cross-origin isolated, so it trains on one thread. For threads, serve it with the headers ' +
    'Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp.';
}
start.onclick = begin;
stop.onclick = () => end('Stopped');
if (query.has('headless')) begin();
