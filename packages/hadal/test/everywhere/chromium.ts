/** A page in headless Chromium: serves it, cross-origin isolated or not, and gives what it posts back. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** The program, or null where none is installed. */
export function findChromium(): string | null {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return (
    folders.flatMap((folder) => names.map((name) => join(folder, name))).find((path) => existsSync(path)) ??
    null
  );
}

export interface Page {
  /** What is served: contents by path, the page itself as `/`. */
  readonly files: ReadonlyMap<string, { readonly type: string; readonly body: string | Uint8Array }>;
  /** A folder of JSON files, served as `/fixtures`. */
  readonly fixtures?: string;
  /** Whether the page is cross-origin isolated, without which it has no shared memory. */
  readonly isolated: boolean;
  /** What is loaded, with its query. */
  readonly path?: string;
  readonly timeoutMs: number;
}

const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/**
 * Opens the page and gives what it posts to `/report`, from JSON.
 *
 * @throws Error with what it posts to `/failure`, or with Chromium's own words if it posts nothing in time.
 */
export async function runPage(chromium: string, page: Page): Promise<unknown> {
  const profile = mkdtempSync(join(tmpdir(), 'hadal-chromium-'));
  let said = '';
  let child: ReturnType<typeof spawn> | null = null;
  let timer: NodeJS.Timeout | null = null;
  const { promise, resolve, reject } = withResolvers<unknown>();
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    if (request.method === 'POST') {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        const body: unknown = JSON.parse(Buffer.concat(parts).toString());
        response.end();
        if (path === '/report') resolve(body);
        else reject(new Error(`the page failed: ${String(body)}`));
      });
      return;
    }
    const file = page.files.get(path);
    const headers = page.isolated ? isolation : {};
    const fixture = page.fixtures ? /^\/fixtures\/([\w-]+\.json)$/.exec(path) : null;
    if (file) response.writeHead(200, { 'Content-Type': file.type, ...headers }).end(file.body);
    else if (fixture && page.fixtures) {
      readFile(join(page.fixtures, fixture[1])).then(
        (body) => response.writeHead(200, { 'Content-Type': 'application/json', ...headers }).end(body),
        () => response.writeHead(404).end(),
      );
    } else response.writeHead(404, headers).end();
  });
  try {
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const { port } = server.address() as AddressInfo;
    // Its sandbox cannot be had in containers, where it runs as root; what it loads is our own page.
    const flags = [
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--no-first-run',
    ];
    child = spawn(
      chromium,
      [...flags, `--user-data-dir=${profile}`, `http://127.0.0.1:${port}${page.path ?? '/'}`],
      { stdio: ['ignore', 'ignore', 'pipe'], detached: true },
    );
    child.stderr?.on('data', (part: Buffer) => {
      said = (said + part.toString()).slice(-2000);
    });
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`Chromium ended with code ${code}: ${said}`)));
    timer = setTimeout(
      () => reject(new Error(`the page said nothing in ${page.timeoutMs} ms; Chromium: ${said}`)),
      page.timeoutMs,
    );
    return await promise;
  } finally {
    if (timer) clearTimeout(timer);
    if (child?.pid !== undefined && child.exitCode === null) {
      const ended = new Promise((done) => child?.on('exit', done));
      // Its own process group: the browser and the processes that it started.
      process.kill(-child.pid, 'SIGKILL');
      await ended;
    }
    server.close();
    server.closeAllConnections();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

function withResolvers<T>(): {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
} {
  let resolve: (value: T) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
