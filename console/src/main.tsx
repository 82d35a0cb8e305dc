/**
 * The begin of the console: puts the application into the page.
 *
 * The hard thing is what stands outside of the application: the nonce for style tags that libraries of libraries make, and pages whose
 * files are gone because the service was upgraded while this page was open.
 */

import './styles.ts';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { refuseMarkup } from './trusted-text.ts';

refuseMarkup();
const root = document.querySelector('#root');
if (root === null) throw new Error('The page has no place for the console.');
const nonce = document.querySelector('meta[name="csp-nonce"]')?.getAttribute('content') ?? '';
// get-nonce, under the dialogs of Mantine, asks for it by the name that webpack gave it.
Object.assign(globalThis, { __webpack_nonce__: nonce });
// A page of another version: the new one is loaded in its place.
window.addEventListener('vite:preloadError', () => window.location.reload());
createRoot(root).render(
  <StrictMode>
    <App nonce={nonce} />
  </StrictMode>,
);
