/**
 * Secrets that a configuration names and does not hold: `${NAME}` of the environment, `${file:PATH}` from a file,
 * `${command:PROGRAM ARGS}` from what a command prints. None of them is told in an error.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

/** A secret that cannot be had; the message names where it was looked for. */
export class SecretError extends Error {
  override readonly name = 'SecretError';
}

export interface SecretSources {
  env: NodeJS.ProcessEnv;
  /** Where paths of files begin. */
  folder: string;
}

/** A vault that does not answer must not keep a node from telling so, ms. */
const commandMs = 10_000;
const named = /\$\{(?:(file|command):([^}]+)|([A-Z0-9_]+))\}/g;

/** @throws {SecretError} */
export function fillIn(text: string, { env, folder }: SecretSources): string {
  return text.replaceAll(named, (_, kind: 'file' | 'command' | undefined, where: string, variable: string) => {
    if (kind === 'file') return fromFile(resolve(folder, where));
    if (kind === 'command') return fromCommand(where, env, folder);
    const value = env[variable];
    if (value === undefined) throw new SecretError(`environment variable ${variable} is not set`);
    return value;
  });
}

function fromFile(path: string): string {
  try {
    return checked(readFileSync(path, 'utf8'), `file ${path}`);
  } catch (cause) {
    if (cause instanceof SecretError) throw cause;
    throw new SecretError(`file ${path} cannot be read (${(cause as NodeJS.ErrnoException).code})`);
  }
}

function fromCommand(command: string, env: NodeJS.ProcessEnv, folder: string): string {
  try {
    // What it complains of goes to who started the node; what it prints goes nowhere else.
    return checked(execFileSync('sh', ['-c', command], { env, cwd: folder, encoding: 'utf8', timeout: commandMs, stdio: ['ignore', 'pipe', 'inherit'] }), `command ${JSON.stringify(command)}`);
  } catch (cause) {
    if (cause instanceof SecretError) throw cause;
    const { status, code } = cause as { status?: number | null; code?: string };
    throw new SecretError(`command ${JSON.stringify(command)} ${code === 'ETIMEDOUT' ? `did not end within ${commandMs / 1_000} s` : `ended with ${status ?? code}`}`);
  }
}

/** Editors and commands end a text with a line's end that is no part of it. */
function checked(text: string, where: string): string {
  const secret = text.replace(/\r?\n$/, '');
  if (secret === '') throw new SecretError(`${where} gave nothing`);
  return secret;
}

/** An address may hold a name and a password: none of them is shown. */
export function withoutPassword(address: string): string {
  return address.replaceAll(/\/\/[^/@\s]*@/g, '//(hidden)@');
}
