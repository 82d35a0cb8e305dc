/** The app of a tenant as the token plane wants it. In a file of its own, so that a command that needs no archive loads none. */
import type { TenantConfig } from '../config/config.ts';
import type { TokenApp } from '../token/token.ts';

export function tokenApp({ tenantId, clientId, scope, credential, ca, cloud }: TenantConfig): TokenApp {
  return { authority: cloud.authority, tenantId, clientId, scope, credential, ca };
}
