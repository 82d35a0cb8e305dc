/** The import's promises, kept against the sandbox. */
import { sandboxPlace } from './import-place-sandbox.ts';
import { importContract } from './import-suite.ts';

importContract('sandbox', sandboxPlace, false);
