/**
 * Every page, its address and its place in the navigation. A page is loaded when it is first opened; who may not see it does not find it.
 */
import {
  IconAlertTriangle,
  IconBiohazard,
  IconClipboardList,
  IconDoor,
  IconDownload,
  IconGauge,
  IconInbox,
  IconKey,
  IconListCheck,
  IconMail,
  IconPlugConnected,
  type IconProps,
  IconRepeat,
  IconTool,
  IconUsers,
} from '@tabler/icons-react';
import { type ComponentType, lazy } from 'react';
import type { Permission } from './session.tsx';

export interface PageRoute {
  readonly path: string;
  readonly may: Permission;
  readonly page: ComponentType;
}

export interface NavigationItem {
  readonly to: string;
  readonly word: string;
  readonly icon: ComponentType<IconProps>;
  readonly may: Permission;
}

const OverviewPage = lazy(async () => ({ default: (await import('./pages/overview/overview-page.tsx')).OverviewPage }));
const SourcesPage = lazy(async () => ({ default: (await import('./pages/sources/sources-page.tsx')).SourcesPage }));
const SourcePage = lazy(async () => ({ default: (await import('./pages/source/source-page.tsx')).SourcePage }));
const NewSourcePage = lazy(async () => ({ default: (await import('./pages/source-form/source-form-page.tsx')).NewSourcePage }));
const EditSourcePage = lazy(async () => ({ default: (await import('./pages/source-form/source-form-page.tsx')).EditSourcePage }));
const MessagesPage = lazy(async () => ({ default: (await import('./pages/messages/messages-page.tsx')).MessagesPage }));
const MessagePage = lazy(async () => ({ default: (await import('./pages/message/message-page.tsx')).MessagePage }));
const ConversationPage = lazy(async () => ({ default: (await import('./pages/conversation/conversation-page.tsx')).ConversationPage }));
const ExportsPage = lazy(async () => ({ default: (await import('./pages/exports/exports-page.tsx')).ExportsPage }));
const RunsPage = lazy(async () => ({ default: (await import('./pages/runs/runs-page.tsx')).RunsPage }));
const ReconciliationPage = lazy(async () => ({
  default: (await import('./pages/reconciliation/reconciliation-page.tsx')).ReconciliationPage,
}));
const QuarantinePage = lazy(async () => ({ default: (await import('./pages/quarantine/quarantine-page.tsx')).QuarantinePage }));
const AlertsPage = lazy(async () => ({ default: (await import('./pages/alerts/alerts-page.tsx')).AlertsPage }));
const SetupPage = lazy(async () => ({ default: (await import('./pages/setup/setup-page.tsx')).SetupPage }));
const AccessPage = lazy(async () => ({ default: (await import('./pages/access/access-page.tsx')).AccessPage }));
const UsersPage = lazy(async () => ({ default: (await import('./pages/users/users-page.tsx')).UsersPage }));
const TokensPage = lazy(async () => ({ default: (await import('./pages/tokens/tokens-page.tsx')).TokensPage }));
const AccessLogPage = lazy(async () => ({ default: (await import('./pages/access-log/access-log-page.tsx')).AccessLogPage }));
const ProxyPage = lazy(async () => ({ default: (await import('./pages/proxy/proxy-page.tsx')).ProxyPage }));
const AccountPage = lazy(async () => ({ default: (await import('./pages/account/account-page.tsx')).AccountPage }));

/** The first that fits is shown. */
export const pageRoutes: readonly PageRoute[] = [
  { path: '/', may: 'read', page: OverviewPage },
  { path: '/sources', may: 'read', page: SourcesPage },
  { path: '/sources/new', may: 'administer', page: NewSourcePage },
  { path: '/sources/:name/edit', may: 'administer', page: EditSourcePage },
  { path: '/sources/:name', may: 'read', page: SourcePage },
  { path: '/messages', may: 'read', page: MessagesPage },
  { path: '/messages/:id', may: 'read', page: MessagePage },
  { path: '/conversations/:id', may: 'read', page: ConversationPage },
  { path: '/exports', may: 'read', page: ExportsPage },
  { path: '/runs', may: 'read', page: RunsPage },
  { path: '/reconciliation', may: 'read', page: ReconciliationPage },
  { path: '/quarantine', may: 'read', page: QuarantinePage },
  { path: '/alerts', may: 'read', page: AlertsPage },
  { path: '/proxy', may: 'read', page: ProxyPage },
  { path: '/setup', may: 'read', page: SetupPage },
  { path: '/setup/:tenant', may: 'read', page: SetupPage },
  { path: '/access', may: 'read', page: AccessPage },
  { path: '/users', may: 'administer', page: UsersPage },
  { path: '/tokens', may: 'administer', page: TokensPage },
  { path: '/access-log', may: 'read-log', page: AccessLogPage },
  { path: '/account', may: 'read', page: AccountPage },
];

export const navigation: readonly { readonly title: string; readonly items: readonly NavigationItem[] }[] = [
  {
    title: 'Import',
    items: [
      { to: '/', word: 'Overview', icon: IconGauge, may: 'read' },
      { to: '/sources', word: 'Sources', icon: IconInbox, may: 'read' },
      { to: '/alerts', word: 'Alerts', icon: IconAlertTriangle, may: 'read' },
      { to: '/runs', word: 'Runs', icon: IconRepeat, may: 'read' },
    ],
  },
  {
    title: 'Archive',
    items: [
      { to: '/messages', word: 'Messages', icon: IconMail, may: 'read' },
      { to: '/reconciliation', word: 'Reconciliation', icon: IconListCheck, may: 'read' },
      { to: '/quarantine', word: 'Quarantine', icon: IconBiohazard, may: 'read' },
      { to: '/exports', word: 'Exports', icon: IconDownload, may: 'read' },
    ],
  },
  {
    title: 'Microsoft 365',
    items: [
      { to: '/setup', word: 'Setup', icon: IconTool, may: 'read' },
      { to: '/access', word: 'Access', icon: IconKey, may: 'read' },
      { to: '/proxy', word: 'Proxy', icon: IconDoor, may: 'read' },
    ],
  },
  {
    title: 'Administration',
    items: [
      { to: '/users', word: 'Users', icon: IconUsers, may: 'administer' },
      { to: '/tokens', word: 'API tokens', icon: IconPlugConnected, may: 'administer' },
      { to: '/access-log', word: 'Access log', icon: IconClipboardList, may: 'read-log' },
    ],
  },
];
