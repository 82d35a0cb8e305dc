/** The types of the API: the only file of src/ that the console may import, and only its types. Schemas stand in `api/`. */

export type * from './api/configuration.ts';
export type * from './api/event.ts';
export type * from './api/leaf.ts';
export type * from './api/message.ts';
export type * from './api/operation.ts';
export type * from './api/proxy.ts';
export type * from './api/session.ts';
export type * from './api/source.ts';
export type * from './api/tenant.ts';
