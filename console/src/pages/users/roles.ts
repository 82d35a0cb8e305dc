/** What each role may, in words. */
import type { Role } from '../../../../src/service/api.ts';

export const roleMeans: Readonly<Record<Role, string>> = {
  administrator: 'makes sources, users and API tokens, and everything that an operator does.',
  operator: 'runs, pauses and tests sources, retries, acknowledges, and reads messages.',
  auditor: 'reads everything, the access log too, exports, and changes nothing.',
};

export const roles: readonly Role[] = ['administrator', 'operator', 'auditor'];
