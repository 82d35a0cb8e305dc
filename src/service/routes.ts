/** All routes of the API, area by area. What is not here is not served. */
import type { Route } from './http/route.ts';
import type { ServiceParts } from './parts.ts';
import { accessRoutes } from './routes/access.ts';
import { accessLogRoutes } from './routes/access-log.ts';
import { alertsRoutes } from './routes/alerts.ts';
import { configurationRoutes } from './routes/configuration.ts';
import { conversationsRoutes } from './routes/conversations.ts';
import { draftsRoutes } from './routes/drafts.ts';
import { exportsRoutes } from './routes/exports.ts';
import { gapsRoutes } from './routes/gaps.ts';
import { messagesRoutes } from './routes/messages.ts';
import { openApiRoute } from './routes/openapi.ts';
import { overviewRoutes } from './routes/overview.ts';
import { proxyRoutes } from './routes/proxy.ts';
import { quarantineRoutes } from './routes/quarantine.ts';
import { reconciliationsRoutes } from './routes/reconciliations.ts';
import { runsRoutes } from './routes/runs.ts';
import { sessionRoutes } from './routes/session.ts';
import { setupRoutes } from './routes/setup.ts';
import { sourcesRoutes } from './routes/sources.ts';
import { testsRoutes } from './routes/tests.ts';
import { tokensRoutes } from './routes/tokens.ts';
import { usersRoutes } from './routes/users.ts';

export function serviceRoutes(parts: ServiceParts): readonly Route[] {
  const routes = [
    // One line for each file of routes/.
    ...sessionRoutes(parts),
    ...usersRoutes(parts),
    ...tokensRoutes(parts),
    ...accessLogRoutes(parts),
    ...overviewRoutes(parts),
    ...sourcesRoutes(parts),
    ...configurationRoutes(parts),
    ...draftsRoutes(parts),
    ...testsRoutes(parts),
    ...accessRoutes(parts),
    ...setupRoutes(parts),
    ...messagesRoutes(parts),
    ...conversationsRoutes(parts),
    ...exportsRoutes(parts),
    ...alertsRoutes(parts),
    ...quarantineRoutes(parts),
    ...gapsRoutes(parts),
    ...reconciliationsRoutes(parts),
    ...runsRoutes(parts),
    ...proxyRoutes(parts),
  ];
  return [...routes, openApiRoute(routes, parts.version)];
}
