/** Templates without a build step. */
import htm from 'htm';
import { h } from 'preact';
import type { VNode } from 'preact';

export const html = htm.bind(h) as (strings: TemplateStringsArray, ...values: unknown[]) => VNode;
